package form

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// sampler makes forms as officers fill them in: every box of a type may be there,
// with values that its rules accept, in one of the languages. Persons, ships and
// numbers are invented.
type sampler struct{ *rand.Rand }

func newSampler(seed uint64) sampler { return sampler{rand.New(rand.NewPCG(seed, 7))} }

func pick[T any](s sampler, list []T) T { return list[s.IntN(len(list))] }

// texts are what officers write, with what troubles mail programs: quotes, dashes,
// lists, comparisons, brackets, numbers at a line's beginning.
var texts = map[string][]string{
	"en": {"Two pallets behind a false wall, found by X-ray", "Driver's papers didn't match; \"spare parts\" were declared", "about 5 kg - 2 cartons, 10 packs each", "see annex [1] and (2)", "weight > 500 g, age < 2 days", "Item 3. and 4) were opened; 1. was not", "From the port it went on by road // the trailer stayed", "value: EUR 1,234.50 (estimate)"},
	"de": {"Große Mengen unversteuerter Zigaretten hinter dem Rücksitz", "Fahrer sagte: „Möbel für Oma“ – unglaubwürdig", "Öffnung der Ladefläche um 5 Uhr", "§ 370 AO; 3. Kontrolle in 2 Tagen"},
	"fr": {"Découverts à l'arrière du véhicule, sous des « pièces détachées »", "Contrôle effectué à 14 h 30 ; rien d'autre à signaler", "Cigarettes de contrebande – marque inconnue"},
	"lt": {"Rūkalai rasti už dvigubos sienelės", "Vairuotojas teigė, kad veža „baldus“", "Žaliasis koridorius, 2 žmonės"},
	"lv": {"Cigaretes bez akcīzes markām, paslēptas zem grīdas", "Šoferis nevarēja uzrādīt dokumentus", "Pārbaude ar rentgenu, 3 stundas"},
	"el": {"Τσιγάρα χωρίς ένσημα πίσω από ψεύτικο τοίχωμα", "Ο οδηγός δήλωσε «έπιπλα»· δεν έπεισε", "Έλεγχος στις 5 το πρωί"},
	"bg": {"Цигари без бандерол зад двойна стена", "Шофьорът каза: „мебели“ – № 5 в списъка", "Проверка с рентген, 3 часа"},
}

func (s sampler) text(lang string, limit int) string {
	var out []string
	for range 1 + s.IntN(5) {
		t := pick(s, texts[lang])
		if len([]rune(strings.Join(append(out, t), ". "))) > limit {
			break
		}
		out = append(out, t)
	}
	if len(out) == 0 {
		return pick(s, []string{"Riga", "Zürich", "Θήβα", "Бургас", "O'Neil", "A-B"})
	}
	return strings.Join(out, ". ")
}

// form makes a form of a type, in normal form and without a problem.
func (s sampler) form(typ, lang string) *Form {
	t, _ := typeOf(typ)
	f := New(typ)
	rows := map[string]int{"C": 1 + s.IntN(2), "E": 1 + s.IntN(2), "G": 1 + s.IntN(2)}
	share := 0.1 + 0.9*s.Float64()
	for _, b := range Boxes() {
		a := address{b.Code, 1}
		if b.Code == "A1" || b.Code == "A2" || b.Code == "A24" || b.Code == "C6" || !t.allows(a.group()) {
			continue
		}
		needed := b.One || b.Code == "A3" || b.Code == "A4" || b.Code == "A6" || b.Code == "A17" || b.Code == "E2" || contains(t.Must, b.Code)
		for ; a.row <= max(1, rows[a.group()]); a.row++ {
			if a.row > 1 && !a.grouped() || !needed && s.Float64() > share {
				continue
			}
			f.Set(a.String(), s.values(b, lang)...)
		}
	}
	s.agree(f)
	return f.Normal()
}

func contains(list []string, v string) bool {
	return strings.Contains(" "+strings.Join(list, " ")+" ", " "+v+" ")
}

// agree mends what single boxes can't know of one another.
func (s sampler) agree(f *Form) {
	if f.Get("B4") != "" {
		f.Set("B4", f.Get("B3")+"RIX")
	}
	if f.Get("B7") != "" {
		f.Set("B7", f.Get("B3")+"000060")
	}
	for row := 1; row <= f.Rows("E"); row++ {
		if id := (address{"E3", row}).String(); f.Get(id) != "" {
			numbers := map[string]string{"IMO": "9074729", "MMSI": "275123456", "UIC": "318123456788", "ENI": "02312345", "VIN": "WVWZZZ1JZXW000001"}
			if n := numbers[f.Get(address{"E2", row}.String())]; n != "" {
				f.Set(id, n)
			}
		}
	}
	f.Set("A16", map[bool]string{true: "Y", false: "N"}[IsNominal(f.Normal(), nil)])
	if contains(f.All("A11"), "H3") {
		f.Set("A12", "not to be shown to the press")
	}
	for row := 1; row <= f.Rows("C"); row++ {
		if f.Get(address{"C7", row}.String()) != "" {
			f.Set(address{"C8", row}.String(), "EUR")
		}
	}
	if f.Get("K9") == "Y" {
		f.Set("K9", "N")
	}
	if f.Get("P13")+f.Get("P14")+f.Get("P15") != "" {
		f.Set("P16", "with a receipt")
	}
}

func (s sampler) values(b BoxInfo, lang string) []string {
	n := 1
	if b.Many {
		n += s.IntN(3)
	}
	values := make([]string, n)
	for i := range values {
		values[i] = s.value(b, lang)
	}
	return values
}

func (s sampler) date() string {
	return fmt.Sprintf("20%02d-%02d-%02d", s.IntN(25), 1+s.IntN(12), 1+s.IntN(28))
}

func (s sampler) digits(n int) string {
	var b strings.Builder
	for range n {
		b.WriteByte("0123456789"[s.IntN(10)])
	}
	return b.String()
}

// value is one that the box's rules accept.
func (s sampler) value(b BoxInfo, lang string) string {
	switch b.Type {
	case "code", "marking", "language":
		return pick(s, codesOf(b.List))
	case "ctry":
		return pick(s, []string{"LV", "NO", "NA", "GR", "GB", "XK"}[:5])
	case "text":
		return s.text(lang, b.limit())
	case "an":
		return clip(pick(s, []string{"AB123456", "7-XY/22", "V1.2", "RI-04 B", "Nr 5"}), b.limit())
	case "operation":
		return pick(s, []string{"OP-7K3", "OP-001"})
	case "ref":
		return fmt.Sprintf("%s-%s-20%02d-%06d", pick(s, []string{"LV", "GR", "OCU"}), pick(s, []string{"VID", "T1", "GW"}), s.IntN(30), s.IntN(1e6))
	case "part":
		return pick(s, []string{"LV", "OCU", "EE", "ALL", "EUROPOL"})
	case "date":
		return s.date()
	case "dt":
		return s.date() + fmt.Sprintf("T%02d:%02d:%02dZ", s.IntN(24), s.IntN(60), s.IntN(60))
	case "time":
		return fmt.Sprintf("%02d:%02d", s.IntN(24), s.IntN(60))
	case "dec":
		return fmt.Sprintf("%d.%d", 1+s.IntN(5000), 1+s.IntN(99999))
	case "int":
		return fmt.Sprint(s.IntN(5000))
	case "hs":
		return pick(s, []string{"240220", "24022090", "2402209000"})
	case "position":
		return fmt.Sprintf("%d.%04d/-%d.%04d", s.IntN(89), 1+s.IntN(9998), s.IntN(179), 1+s.IntN(9998))
	case "packages":
		return fmt.Sprintf("%d %s", 1+s.IntN(999), pick(s, codesOf("package")))
	case "species":
		return pick(s, []string{"Psittacus erithacus I", "Acipenser sturio, App. I"})
	case "substance":
		return pick(s, []string{"50-36-2 85 %", "561-27-3", "7732-18-5 / 99.5 %"})
	case "container":
		return pick(s, []string{"CSQU3054383", "MWCU6059784", "TESU0000040"})
	case "external":
		return pick(s, codesOf("external")) + ":" + pick(s, []string{"12345", "2027/00017-A", "a, b"})
	case "document":
		return pick(s, []string{"BL:ABCD1234567", "CMR:LV 00 17", "MRN:06DE586600006143E1", "AWB:020-81140743", "S10:RR473124829GB", "INV:17; 18"})
	case "attachment":
		return pick(s, []string{"photo 1.jpg", "a,b.pdf", "Ķīmija.docx"}) + ";" + s.digits(5) + ";" + someHash + pick(s, []string{"", ";N"})
	case "identity":
		return "PASSPORT;X" + s.digits(7) + ";LV;" + s.date()
	case "register":
		return pick(s, []string{"GB981509987000", "EL123456789", "40003000000"})
	case "fingerprint":
		return strings.ToUpper(someHash[:40])
	case "pending":
		return pick(s, []string{"Y", "N", "Y 2027-03-01"})
	case "objective":
		return pick(s, []string{"O1", "O2", "aim 3"}) + ";" + pick(s, []string{"Y", "N", "P"})
	case "hours":
		return pick(s, []string{"08:00-18:00 Europe/Riga", "Mo-Fr 8-16, Sa 9-12 Europe/Athens", "24/7 UTC"})
	case "validity":
		return "2027-01-11/2027-02-15"
	case "opened":
		return pick(s, []string{"N", "Y 9f86d081"})
	case "identifier":
		return pick(s, []string{"AB 1234", "LV-7788", "СА 1234 ВХ"})
	case "locode":
		return "LVRIX"
	case "office":
		return "LV000060"
	}
	return "X1"
}
