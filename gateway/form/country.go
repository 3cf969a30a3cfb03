package form

import "strings"

// countryAliases are other ways in which records write a country.
var countryAliases = map[string]string{
	"EL": "GR", "UK": "GB", "CZECH REPUBLIC": "CZ", "MACEDONIA THE FORMER YUGOSLAV REPUBLIC OF": "MK",
	"MACEDONIA, THE FORMER YUGOSLAV REPUBLIC OF": "MK", "TURKEY": "TR", "LIBYAN ARAB JAMAHIRIYA": "LY",
}

// special are codes outside ISO 3166-1 and the boxes where they make sense:
// Kosovo, the Union, Northern Ireland (VAT, EORI), international waters
// (UN/LOCODE).
var special = map[string]string{
	"XK": "B3 B4 C10 E5 F1 F3 F4 G8 G10",
	"EU": "C10",
	"XI": "B3 C10 F1 F3 F4",
	"XZ": "B3 B4 F1 F3 F4",
}

func isCountry(box, code string) bool {
	return listed("country", code) || makesSense(special[code], box)
}

func makesSense(boxes, box string) bool { return strings.Contains(" "+boxes+" ", " "+box+" ") }
