package form

import "strings"

// countryAliases are other ways in which records write a country.
var countryAliases = map[string]string{
	"EL": "GR", "UK": "GB", "CZECH REPUBLIC": "CZ", "MACEDONIA THE FORMER YUGOSLAV REPUBLIC OF": "MK",
	"MACEDONIA, THE FORMER YUGOSLAV REPUBLIC OF": "MK", "TURKEY": "TR", "LIBYAN ARAB JAMAHIRIYA": "LY",
}

func normalCountry(v string) string {
	v = strings.ToUpper(v)
	if code, ok := countryAliases[v]; ok {
		return code
	}
	return v
}

// special are codes outside ISO 3166-1 and the boxes where they make sense.
var special = map[string]string{
	"XK": "A6 A7 B3 C10 E5 F1 F3 F4 G8 P1",
	"EU": "A6 A7 C10 P1",
	"XI": "A6 A7 B3 C10 F1 F3 F4",
	"XZ": "B3 F1 F3 F4",
}

func isCountry(box, code string) bool {
	return listed("country", code) || special[code] != "" && strings.Contains(" "+special[code]+" ", " "+box+" ")
}
