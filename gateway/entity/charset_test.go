package entity

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
)

// sentences are what an officer may write, in the languages of the Union.
var sentences = map[string]string{
	"bg": "Контейнерът е спрян на границата, откриха се цигари зад седалката.",
	"cs": "Kontejner byl zadržen na hranici, za sedadlem našli cigarety a peníze.",
	"da": "Containeren er tilbageholdt ved grænsen, der blev fundet cigaretter på lastbilen.",
	"de": "Der Behälter wurde an der Grenze geprüft, hinter dem Sitz lagen für Händler Zigaretten.",
	"el": "Το εμπορευματοκιβώτιο σταμάτησε στα σύνορα, βρέθηκαν τσιγάρα πίσω από το κάθισμα.",
	"es": "El contenedor está retenido en la frontera; detrás del asiento había cigarrillos según el informe.",
	"et": "Konteiner peeti piiril kinni, istme tagant leiti sigarette, juht on üle kuulatud õhtul.",
	"fi": "Kontti pysäytettiin rajalla, istuimen takaa löytyi savukkeita.",
	"fr": "Le conteneur a été arrêté à la frontière, des cigarettes étaient cachées derrière le siège.",
	"ga": "Tá an coimeádán stoptha ag an teorainn, fuarthas toitíní taobh thiar den suíochán.",
	"hr": "Kontejner je zaustavljen na granici, iza sjedala su pronađene cigarete, vozač čeka u prostoru za službenike.",
	"hu": "A konténert a határon megállították, az ülés mögött cigarettát találtak, a sofőr várakozik.",
	"it": "Il container è stato fermato alla frontiera, dietro il sedile c’erano sigarette; la pattuglia è già lì.",
	"lt": "Konteineris sulaikytas pasienyje, už sėdynės rasta cigarečių, vairuotojas laukia pareigūnų.",
	"lv": "Konteiners aizturēts uz robežas, aiz sēdekļa atrastas cigaretes, šoferis gaida muitnīcā.",
	"mt": "Il-kontenitur twaqqaf fuq il-fruntiera, instabu sigaretti wara s-siġġu, ix-xufier qed jistenna ħdejn id-dwana.",
	"nl": "De container is aan de grens tegengehouden, achter de stoel lagen sigaretten; de twee officiële controleurs zijn één uur geleden geïnformeerd.",
	"pl": "Kontener zatrzymano na granicy, za siedzeniem znaleziono papierosy, kierowca czeka na funkcjonariuszy służby celnej.",
	"pt": "O contentor foi retido na fronteira, havia cigarros atrás do assento; a inspeção começa amanhã.",
	"ro": "Containerul a fost oprit la graniţă, în spatele scaunului s-au găsit ţigări, şoferul aşteaptă.",
	"sk": "Kontajner bol zadržaný na hranici, za sedadlom našli cigarety, vodič čaká na colníkov.",
	"sl": "Kontejner je ustavljen na meji, za sedežem so našli cigarete, voznik čaka na carinike.",
	"sv": "Containern stoppades vid gränsen, bakom sätet hittades cigaretter, föraren väntar på förhör.",
	"ru": "Контейнер остановлен на границе, за сиденьем нашли сигареты.",
}

func TestTextIsReadInWhateverItWasWritten(t *testing.T) {
	pages := map[string]encoding.Encoding{"windows-1250": charmap.Windows1250, "windows-1251": charmap.Windows1251, "windows-1252": charmap.Windows1252, "windows-1253": charmap.Windows1253,
		"windows-1257": charmap.Windows1257, "iso-8859-2": charmap.ISO8859_2, "iso-8859-3": charmap.ISO8859_3, "iso-8859-5": charmap.ISO8859_5, "iso-8859-7": charmap.ISO8859_7, "iso-8859-13": charmap.ISO8859_13, "iso-8859-15": charmap.ISO8859_15, "koi8-r": charmap.KOI8R}
	total, right := 0, 0
	for lang, s := range sentences {
		for name, page := range pages {
			b, err := page.NewEncoder().Bytes([]byte(s))
			if err != nil {
				continue // not its alphabet
			}
			if got := toUTF8(b, name); got != s {
				t.Errorf("toUTF8(%s in %s, declared) = %q; want %q", lang, name, got, s)
			}
			for _, label := range []string{"", "utf-8", "x-unknown", "us-ascii"} {
				total++
				if got := toUTF8(b, label); got == s {
					right++
				} else {
					t.Logf("%s in %s called %q reads %s", lang, name, label, firstDifference(got, s))
				}
			}
		}
		for _, label := range []string{"", "utf-8", "iso-8859-1", "windows-1252", "x-unknown"} {
			if got := toUTF8([]byte(s), label); got != s {
				t.Errorf("toUTF8(%s in UTF-8, %q) = %q; want %q", lang, label, got, s)
			}
		}
		if mangled, err := charmap.Windows1252.NewDecoder().String(s); err == nil && !strings.ContainsRune(mangled, '\ufffd') && lang != "it" {
			if got := toUTF8([]byte(mangled), "utf-8"); got != s {
				t.Logf("%s decoded twice reads %s", lang, firstDifference(got, s))
			}
		}
	}
	t.Logf("%d of %d undeclared texts read right", right, total)
	if right*100 < total*97 {
		t.Errorf("%d of %d undeclared texts read right; want 97 %%", right, total)
	}
}

func TestASignIsNotTakenForALetterOfAnotherCodePage(t *testing.T) {
	for _, s := range []string{"\u00a0", "Ware\u00a0", "Sehr\u00a0geehrte Damen", "« Bonjour »", "»Gut«", "¿Qué?", "¡Hola!", "€ 50", "10–12", "25 °C", "½ Palette", "5 m³", "§ 5", "£5", "3 · 4", "©", "Müller®", "µg"} {
		b, err := charmap.Windows1252.NewEncoder().Bytes([]byte(s))
		if err != nil {
			t.Fatal(err)
		}
		for _, label := range []string{"", "iso-8859-1"} {
			if got := toUTF8(b, label); got != s {
				t.Errorf("toUTF8(%q in windows-1252, %q) = %q", s, label, got)
			}
		}
	}
}

func TestRichTextIsReadInTheCodePageOfItsFont(t *testing.T) {
	for in, want := range map[string]string{
		`{\rtf1\ansi\ansicpg1252 5\'a0EUR}`: "5\u00a0EUR",
		`{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\fcharset0 Arial;}{\f1\fcharset186 Arial Baltic;}{\f2\fcharset204 Arial;}}\f1 R\'eega {\f2 \'d0\'e8\'e3\'e0} R\'eega\plain  \'fc}`: "Rīga Рига Rīga ü",
		`{\rtf1\ansi\ansicpg1257 R\'eega}`:                                              "Rīga",
		`{\rtf1\ansi\deff1{\fonttbl\f0\fcharset0 A;\f1\fcharset161 B;}\'e1\'e2\'e3}`:    "αβγ",
		`{\rtf1\ansi\uc1 \u299\'e2 {\fonttbl{\f0\fcharset128 MS;}}\f0\'83\'65\'83\'58}`: "ī テス",
	} {
		if got := rtfText([]byte(in)); got != want {
			t.Errorf("rtfText(%s) = %q; want %q", in, got, want)
		}
	}
}

func firstDifference(got, want string) string {
	a, b := strings.Fields(got), strings.Fields(want)
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("%q, not %q", a[i], b[i])
		}
	}
	return "another length"
}
