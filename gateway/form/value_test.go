package form

import (
	"strings"
	"testing"
)

// TestValuesWithPartsAreReadOrRefused: each box whose value has parts, as people
// write it, in normal form, and the sentence that refuses it ("" for none, "W " for
// a warning).
func TestValuesWithPartsAreReadOrRefused(t *testing.T) {
	for _, c := range []struct{ box, value, want, key string }{
		{"B11", "56.9496/24.1052", "56.9496/24.1052", ""}, {"B11", "56.9496, 24.1052", "56.9496/24.1052", ""}, {"B11", "56,9496 24,1052", "56.9496/24.1052", ""},
		{"B11", "N56.9496 E24.1052", "56.9496/24.1052", ""}, {"B11", "56.9496S, 24.1052W", "-56.9496/-24.1052", ""}, {"B11", "-33.9/18.4", "-33.9/18.4", ""},
		{"B11", "5155N 00430E", "51.91667/4.5", ""}, {"B11", "56°56'59\"N 24°06'19\"E", "56.94972/24.10528", ""}, {"B11", "56° 56.98' N, 24° 6.31' E", "56.94967/24.10517", ""}, {"B11", "56º56′59″N 24º06′19″E", "56.94972/24.10528", ""},
		{"B11", "95/24", "95/24", "shape-position"}, {"B11", "56/190", "56/190", "shape-position"}, {"B11", "Riga", "Riga", "shape-position"}, {"B11", "56.9 N", "56.9 N", "shape-position"}, {"B11", "24E 56N", "24E 56N", "shape-position"}, {"B11", "56°75'N 24°E", "56°75'N 24°E", "shape-position"},
		{"C9", "12 CT", "12 CT", ""}, {"C9", "12CT", "12 CT", ""}, {"C9", "12 x ct", "12 CT", ""}, {"C9", "007 1A", "7 1A", ""}, {"C9", "12 cartons", "12 CT", ""}, {"C9", "3 Packages", "3 PK", ""}, {"C9", "3 Kartons", "3 CT", ""}, {"C9", "3 XX", "3 XX", "package-kind"}, {"C9", "many", "many", "shape-packages"},
		{"K6", "Y", "Y", ""}, {"K6", "y; 1.3.2027", "y; 1.3.2027", "shape-pending"}, {"K6", "y; 2027/3/1", "Y 2027-03-01", ""}, {"K6", "ja", "Y", ""}, {"K6", "perhaps", "perhaps", "shape-pending"}, {"K6", "Y 2027-02-30", "Y 2027-02-30", "shape-pending"},
		{"K7", "O1;Y, O2 ; p", "O1;Y, O2;P", ""}, {"K7", "O1", "O1", "shape-objective"}, {"K7", "O1;Q", "O1;Q", "shape-objective"}, {"K7", "O1;taip", "O1;Y", ""},
		{"G10", "passport; X0000000; lv; 2030-12-31", "PASSPORT;X0000000;LV;2030-12-31", ""}, {"G10", "ID;123", "ID;123", ""}, {"G10", "ID;123;EL", "ID;123;GR", ""}, {"G10", "passport X1", "passport X1", "shape-identity"}, {"G10", "P;1;ZZ", "P;1;ZZ", "country"}, {"G10", "P;1;LV;03/04/2012", "P;1;LV;03/04/2012", "date"}, {"G10", "P;1;LV;2012;x", "P;1;LV;2012;x", "shape-identity"},
		{"P10", "08:00-18:00 Europe/Riga", "08:00-18:00 Europe/Riga", ""}, {"P10", "Europe/Riga 8-16", "8-16 Europe/Riga", ""}, {"P10", "24/7 (UTC)", "24/7 UTC", ""}, {"P10", "08:00-18:00", "08:00-18:00", "shape-hours"}, {"P10", "08:00-18:00 Europe/Atlantis", "08:00-18:00 Europe/Atlantis", "shape-hours"}, {"P10", "08:00-18:00 EET", "08:00-18:00 EET", "shape-hours"},
		{"P17", "2027-01-11/2027-02-15", "2027-01-11/2027-02-15", ""}, {"P17", "2027-01-11 - 2027-02-15", "2027-01-11/2027-02-15", ""}, {"P17", "2027-01-11 to 2027-02-15", "2027-01-11/2027-02-15", ""}, {"P17", "20.1.2027 bis 15.2.2027", "2027-01-20/2027-02-15", ""}, {"P17", "2027-01-11/", "2027-01-11/", ""}, {"P17", "2027-02-15/2027-01-11", "2027-02-15/2027-01-11", "shape-validity"}, {"P17", "03/04/2027 - 2027-05-01", "03/04/2027 - 2027-05-01", "shape-validity"}, {"P17", "always", "always", "shape-validity"},
		{"A21", "cencomm: 12345", "CENCOMM:12345", ""}, {"A21", "SIENA:1, AFIS:2", "SIENA:1, AFIS:2", ""}, {"A21", "12345", "12345", "shape-external"}, {"A21", "FOO:1", "FOO:1", "not-in-list"}, {"A21", "NAT:", "NAT:", "shape-external"},
		{"A22", "photo.jpg; 5 ;" + strings.ToUpper(someHash), "photo.jpg;5;" + someHash, ""}, {"A22", "a;b.jpg;5;" + someHash + ";n", "a;b.jpg;5;" + someHash + ";N", ""}, {"A22", "photo.jpg", "photo.jpg", "W shape-attachment"}, {"A22", "photo.jpg;5;abc", "photo.jpg;5;abc", "W shape-attachment"},
		{"F7", "mrn: 06DE 5866 0000 6143E1", "MRN:06DE586600006143E1", ""}, {"F7", "BL:ABCD1, INV:17", "BL:ABCD1, INV:17", ""}, {"F7", "DHL:1", "DHL:1", "not-in-list"}, {"F7", "cn22/23: RR1", "CN22/23:RR1", ""}, {"F7", "TIR:xf12345678", "TIR:XF12345678", ""}, {"F7", "S10:RR473124828GB", "S10:RR473124828GB", "W check-digit"}, {"F7", "AWB:02081140743", "AWB:02081140743", ""},
		{"T8", "Y 9F86D081", "Y 9f86d081", ""}, {"T8", "n", "N", ""}, {"T8", "Y 9f", "Y 9f", "shape-opened"},
		{"C12", "Psittacus erithacus I", "Psittacus erithacus I", ""}, {"C12", "Acipenser sturio, App. II", "Acipenser sturio, App. II", ""}, {"C12", "Loxodonta africana (Annex A)", "Loxodonta africana (Annex A)", ""}, {"C12", "Psittacus erithacus", "Psittacus erithacus", "W species"},
		{"C13", "561-27-3 12,5 %", "561-27-3 12,5 %", ""}, {"C13", "50-36-2 120 %", "50-36-2 120 %", "W purity"}, {"C13", "cocaine", "cocaine", ""},
		{"P8", strings.ToLower(someHash[:20]) + " " + someHash[20:40], strings.ToUpper(someHash[:40]), ""}, {"P8", "ABCD1234", "ABCD1234", "shape-fingerprint"},
		{"G12", "GB981509987000", "GB981509987000", ""}, {"G12", "EL123456789", "EL123456789", ""}, {"G12", "EL12345678901234", "EL12345678901234", "W eori"}, {"G12", "40003000000", "40003000000", ""}, {"G12", "HRB 12345", "HRB 12345", ""},
		{"A3", "op-7k3", "OP-7K3", ""}, {"A3", "ОР-7К3", "OP-7K3", ""}, {"A3", "OP–7K3", "OP-7K3", ""}, {"A3", "Operation Alpha!", "Operation Alpha!", "shape-operation"},
		{"A4", "lv-vid-2012-000017", "LV-VID-2012-000017", ""}, {"A4", "LV-VID-2012-17", "LV-VID-2012-17", "W shape-ref"}, {"A4", "LV-VID-12-000017", "LV-VID-12-000017", "shape-ref"}, {"A4", "17", "17", "shape-ref"},
		{"B2", "14.30", "14:30", ""}, {"B2", "9:05", "09:05", ""}, {"B2", "14h30", "14:30", ""}, {"B2", "1430", "14:30", ""}, {"B2", "25:00", "25:00", "shape-time"}, {"B2", "2:30 pm", "2:30 pm", "shape-time"},
	} {
		f := &Form{}
		b, _ := boxOf(c.box)
		f.Set(c.box, apart(b, c.value)...)
		if got := joined(b, f.Normal().All(c.box)); got != c.want {
			t.Errorf("%s [%s] reads %q; want %q", c.box, c.value, got, c.want)
		}
		var got []string
		for _, p := range Check(f, Context{}) {
			if p.Box == c.box {
				got = append(got, map[Severity]string{Error: "", Warning: "W "}[p.Severity]+p.Key)
			}
		}
		if strings.Join(got, ",") != c.key {
			t.Errorf("%s [%s]: %v; want %q", c.box, c.value, got, c.key)
		}
	}
}

// TestCodesAreReadFromKeyboardsAndInWords: look-alikes, the words for a code in
// any language of ours, what records say.
func TestCodesAreReadFromKeyboardsAndInWords(t *testing.T) {
	for _, c := range [][3]string{
		{"C5", "КGМ", "KGM"}, {"C5", "Kilogramm", "KGM"}, {"C5", "кг", "KGM"}, {"C5", "㎏", "KGM"}, {"C1", "tobacco", "TOBA"}, {"C1", "Tabak", "TOBA"}, {"C1", "тютюн", "TOBA"}, {"C1", "narkotikai", "DRUG"},
		{"B3", "Latvia", "LV"}, {"B3", "Österreich", "AT"}, {"B3", "България", "BG"}, {"B3", "Ελλάδα", "GR"}, {"B3", "ΕL", "GR"}, {"B3", "ВG", "BG"}, {"B3", "no", "NO"},
		{"A10", "Übung", "EXER"}, {"A9", "urgent", "U"}, {"K9", "ναι", "Y"}, {"K9", "Ν", "N"}, {"H6", "не", "N"}, {"A19", "Lettisch", "lv"}, {"A19", "LV", "lv"},
		{"E1", "Commercial air", "4"}, {"E1", "Private road", "3"}, {"E1", "Land", "3"}, {"E1", "sea", "1"}, {"E1", "Rail", "2"}, {"E1", "River", "8"}, {"E1", "Mail", "5"}, {"E1", "Pedestrian", "9"}, {"E1", "16", "16"},
		{"A13", "amber", "TLP:AMBER"}, {"A13", "TLP: AMBER + STRICT", "TLP:AMBER+STRICT"}, {"A13", "TLP WHITE", "TLP:CLEAR"},
		{"A14", "B2", "B2"}, {"A15", "5", "5"}, // Admiralty is not the same as 4x4: never converted
		{"C4", "10²", "10²"}, {"C4", "5½", "5½"}, {"C4", "１２３", "123"}, {"C4", "1’234.5", "1234.5"}, {"C4", "−5", "-5"},
		{"B1", "2012–02–09", "2012-02-09"}, {"B1", "20120209", "2012-02-09"}, {"B1", "201215", "201215"}, {"B1", "2012115", "2012115"}, {"B1", "05/05/2012", "2012-05-05"}, {"B1", "2/13/2012", "2012-02-13"}, {"B1", "9 2 12", "9 2 12"},
		{"A8", "2012-02-09 10:15 UTC", "2012-02-09T10:15:00Z"}, {"A8", "2012-02-09T10:15+02", "2012-02-09T08:15:00Z"}, {"A8", "2012-02-09 10:15:30 +0200", "2012-02-09T08:15:30Z"}, {"A8", "2012-02-09T10:15:30 +02:00", "2012-02-09T08:15:30Z"}, {"A8", "2012-02-09T10:15 Z", "2012-02-09T10:15:00Z"}, {"A8", "2012-02-09 10:15", "2012-02-09 10:15"},
		{"C3", "2402.20 90 00", "2402209000"}, {"C3", "9801 00", "980100"}, {"E6", "csqu 305438-3", "CSQU3054383"}, {"B4", "nl rtm", "NLRTM"},
	} {
		f := &Form{}
		f.Set(c[0], c[1])
		if got := f.Normal().Get(c[0]); got != c[2] {
			t.Errorf("%s [%s] reads %q; want %q", c[0], c[1], got, c[2])
		}
	}
}

func TestAdmiraltyIsRefusedNotConverted(t *testing.T) {
	f := mustJSON(t, minimalSEZ)
	f.Set("A14", "B2")
	f.Set("A15", "6")
	problems := Check(f, Context{})
	for _, box := range []string{"A14", "A15"} {
		if p := problemAt(problems, box, "not-in-list"); p == nil || p.Code != 12 {
			t.Errorf("%s: %v; want 12", box, problems)
		}
	}
}

func TestIdentifiersAreHeldToTheirKind(t *testing.T) {
	for _, c := range [][3]string{
		{"IMO", "IMO 9074729", ""}, {"IMO", "9619907", ""}, {"IMO", "IMO 8712345", "check-digit"}, {"IMO", "123", "number-shape"}, {"MMSI", "275123456", ""}, {"MMSI", "12345", "number-shape"},
		{"VIN", "1M8GDM9AXKP042788", ""}, {"VIN", "1M8GDM9A1KP042788", "check-digit"}, {"VIN", "WVWZZZ1JZXW000001", ""}, {"VIN", "SHORT", "number-shape"}, {"UIC", "318123456788", ""}, {"UIC", "318123456789", "check-digit"}, {"ENI", "02312345", ""}, {"ENI", "x", "number-shape"},
		{"ROAD", "anything-1", ""}, {"OTHER", "x", ""},
	} {
		f := mustJSON(t, minimalSEZ)
		f.Set("E2", c[0])
		f.Set("E3", c[1])
		var got string
		for _, p := range Check(f, Context{}) {
			if p.Box == "E3" {
				got += p.Key
				if p.Severity != Warning {
					t.Errorf("%s %s stops the form", c[0], c[1])
				}
			}
		}
		if got != c[2] {
			t.Errorf("%s %s: %q; want %q", c[0], c[1], got, c[2])
		}
	}
}

func TestPlatesAreComparedWithoutTheirMarks(t *testing.T) {
	for _, plate := range []string{"AB-1234", "ab 12.34", "АВ 1234"} {
		if got := PlateKey(plate); got != "AB1234" {
			t.Errorf("PlateKey(%s) = %s", plate, got)
		}
	}
	f := &Form{}
	f.Set("E3", "ab 12-34")
	if got := f.Normal().Get("E3"); got != "ab 12-34" {
		t.Errorf("the plate as written became %s", got)
	}
}

func TestWhatBelongsTogetherIsAskedFor(t *testing.T) {
	for _, c := range []struct {
		json, box, key string
		severity       Severity
	}{
		{`{"A1":"WRN","E":[{"E1":"3"}],"C":[{"C2":"x"}]}`, "C1", "missing-code", Warning},
		{`{"A1":"WRN","E":[{"E1":"3"}],"B5":"Riga"}`, "B3", "missing-code", Warning},
		{`{"A1":"SEZ","B1":"2012-02-09","B3":"LV","C":[{"C1":"DRUG","C2":"x","C4":"1","C5":"GRM","C14":"SEZ"},{"C2":"y"}]}`, "C4.2", "missing-number", Error},
		{`{"A1":"REG","P1":"LV","P13":"C"}`, "P16", "nak-13", Warning},
		{`{"A1":"DLY","B1":"2012-02-09","B3":"LV","K9":"Y","K3":"2"}`, "K9", "nothing-but", Warning},
		{`{"A1":"SEZ","P1":"x"}`, "P1", "not-here", Error},
		{`{"A1":"MSG","H1":"x","T1":"x"}`, "T1", "not-here", Error},
		{`{"A1":"MSG","H1":"x","B4":"NLHAM","B3":"DE"}`, "B4", "elsewhere", Warning},
		{`{"A1":"MSG","H1":"x","Z9":"x"}`, "Z9", "unknown-box", Warning},
		{`{"A1":"MSG","H1":"x","A11":["H0","H1","H2","H3"],"A12":"x"}`, "A11", "too-many", Error},
		{`{"A1":"MSG","H1":"EU SECRET"}`, "H1", "nak-67", Error},
		{`{"A1":"MSG","H1":"x","Z9":"Restreint UE/EU restricted"}`, "Z9", "nak-67", Error},
	} {
		p := problemAt(Check(mustJSON(t, c.json), Context{Received: true}), c.box, c.key)
		if p == nil || p.Severity != c.severity {
			t.Errorf("%s: %+v; want %s %s at %s", c.json, p, c.severity, c.key, c.box)
		}
	}
	for _, s := range []string{"precursors are EU restricted", "the secret service", "EU confidential is a word", "LIMITE"} {
		if Classified(s) {
			t.Errorf("%q counts as a mark of classification", s)
		}
	}
}
