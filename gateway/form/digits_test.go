package form

import "testing"

func TestCheckDigitsOfTheWorkedExamples(t *testing.T) {
	for _, c := range []struct {
		name  string
		check func(string) error
		value string
		want  error
	}{
		{"container", Container, "CSQU3054383", nil}, {"container", Container, "MWCU6059784", nil}, {"remainder 10", Container, "TESU0000040", nil}, {"naive values", Container, "CSQU3054387", ErrCheckDigit}, {"category", Container, "CSQX3054383", ErrShape},
		{"MRN", MRN, "06DE586600006143E1", nil}, {"MRN", MRN, "06DE586600006143E2", ErrCheckDigit}, {"fallback", MRN, "06DE586600006143EF", nil},
		{"EORI", EORI, "GB981509987000", nil}, {"EORI of Greece", EORI, "EL981509987", ErrShape}, {"EORI", EORI, "XI981509987000", nil}, {"EORI too long", EORI, "GB9815099870001234", ErrShape},
		{"IMO", IMOShip, "IMO 9074729", nil}, {"IMO", IMOShip, "9619907", nil}, {"IMO", IMOShip, "IMO 8712345", ErrCheckDigit},
		{"IMO company", IMOCompany, "2041999", nil}, {"IMO company", IMOCompany, "2041998", ErrCheckDigit},
		{"MMSI", MMSI, "275123456", nil}, {"coast", MMSI, "002750000", nil}, {"MMSI", MMSI, "975123456", ErrShape}, {"MMSI", MMSI, "12345", ErrShape},
		{"AWB", AWB, "020-12345675", nil}, {"AWB", AWB, "020-81140743", nil}, {"AWB", AWB, "020-81140744", ErrCheckDigit},
		{"S10", S10, "RR473124829GB", nil}, {"S10", S10, "RR473124828GB", ErrCheckDigit},
		{"VIN", VIN, "1M8GDM9AXKP042788", nil}, {"VIN", VIN, "1M8GDM9A1KP042788", ErrCheckDigit}, {"VIN", VIN, "OM8GDM9AXKP042788", ErrShape},
		{"UIC", UIC, "318123456788", nil},
		{"IMEI", IMEI, "490154203237518", nil}, {"GTIN", GTIN, "4006381333931", nil}, {"GTIN", GTIN, "4006381333932", ErrCheckDigit},
		{"IBAN", IBAN, "GB82WEST12345698765432", nil}, {"IBAN", IBAN, "GB83WEST12345698765432", ErrCheckDigit},
		{"MRZ", MRZ, "L898902C36", nil}, {"MRZ", MRZ, "L898902C37", ErrCheckDigit},
		{"CAS", CAS, "50-36-2", nil}, {"CAS", CAS, "561-27-3", nil}, {"CAS", CAS, "7732-18-5", nil}, {"CAS", CAS, "50-36-3", ErrCheckDigit},
	} {
		if got := c.check(c.value); got != c.want {
			t.Errorf("%s(%s) = %v; want %v", c.name, c.value, got, c.want)
		}
	}
}
