package entity

import (
	"strings"
	"testing"

	"liaison/gateway/entity/mangle"
)

const history = "Please confirm the arrival of the container.\n  Quantity C4: [9]\n\nDesk of the unit\n"

func quoted(s string) string {
	return "> " + strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "\n> ") + "\n"
}

func TestAnswerIsReadInEveryLanguageOfTheUnion(t *testing.T) {
	if len(mangle.Languages) != 24 {
		t.Fatalf("%d languages; want 24", len(mangle.Languages))
	}
	for _, m := range mangle.Languages {
		signed := m.Answer + "\n\n" + m.Farewell + "\nInvented Officer"
		contact := "\nInvented Customs Board\nTel. +371 555 0100\nhttp://vid.example/"
		for name, text := range map[string]string{
			"block":             m.Answer + "\n\n" + m.Block + "\n\n" + history,
			"block, bold":       m.Answer + "\n\n*" + strings.Replace(m.Block, ":", ":*", 1) + "\n\n" + history,
			"block under ruler": m.Answer + "\n\n________________________________\n" + m.Block + "\n\n" + history,
			"mark":              m.Answer + "\n\n-----" + m.Mark + "-----\n" + m.Block + "\n\n" + history,
			"mark alone":        m.Answer + "\n\n-------- " + m.Mark + " --------\n" + history,
			"footer":            m.Answer + "\n\n" + m.Footer + "\n\n" + m.Block + "\n\n" + history,
			"footer alone":      m.Answer + "\n\n" + m.Footer,
			"disclaimer":        m.Answer + "\n\n" + m.Disclaimer,
			"two disclaimers":   m.Answer + "\n\n" + m.Disclaimer + "\n\n" + mangle.Languages[5].Disclaimer + "\n\n" + m.Block + "\n\n" + history,
			"banner":            m.Banner + "\n\n" + m.Answer,
			"delimiter":         m.Answer + "\n-- \nInvented Officer" + contact,
		} {
			if got := ReplyText(text); got != m.Answer {
				t.Errorf("%s, %s: ReplyText = %q; want %q", m.Lang, name, got, m.Answer)
			}
		}
		if got := ReplyText(signed + contact + "\n\n" + m.Block + "\n\n" + history); got != signed {
			t.Errorf("%s, signature: ReplyText = %q; want %q", m.Lang, got, signed)
		}
		for _, a := range m.Attributions {
			for name, text := range map[string]string{
				"quoted":      m.Answer + "\n\n" + a + "\n" + quoted(history),
				"unquoted":    m.Answer + "\n\n" + a + "\n\n" + history,
				"below":       a + "\n" + quoted(history) + "\n" + m.Answer,
				"after blank": m.Answer + "\n\n" + a + "\n\n" + quoted(history),
			} {
				if got := ReplyText(text); got != m.Answer {
					t.Errorf("%s, %s after %q: ReplyText = %q; want %q", m.Lang, name, a, got, m.Answer)
				}
			}
		}
	}
}

func TestWhatProgramsAddIsCutHoweverItIsWrappedOrStacked(t *testing.T) {
	const answer = "The lorry has left Riga."
	footers := ""
	for _, m := range mangle.Languages {
		footers += m.Footer + "\n"
	}
	for name, text := range map[string]string{
		"a footer of each program on the way":   answer + "\n\n" + footers,
		"an attribution wrapped behind the day": answer + "\n\nInvented Officer <officer@vid.example> schrieb am Fr., 28.\nApr. 2017 um 11:53 Uhr:\n\n" + quoted(history),
	} {
		if got := ReplyText(text); got != answer {
			t.Errorf("%s: ReplyText = %q; want %q", name, got, answer)
		}
	}
	for _, sentence := range []string{"We stopped it on 28.", "Seal numbers 27. and 28."} {
		if got := ReplyText(sentence + "\nMore tomorrow."); !strings.HasPrefix(got, sentence) {
			t.Errorf("ReplyText(%q) = %q; want it kept", sentence, got)
		}
	}
}

func TestWhatCustomsWriteIsNoHistory(t *testing.T) {
	for _, text := range []string{
		"From: Riga\nTo: Vilnius\nDate: 17 January\nSeal: 123",
		"On 17 January the driver wrote the following:\nthe seal was broken.",
		"The officer said:\nContainer ABCU1234567 is empty.",
		"Outside of the container we found an external seal.\nInside, nothing.",
		"Best route: Riga, then Vilnius.",
		"Sent from Riga on Monday, the truck has not arrived.\nWe wait.",
		"The confidential informant named the recipient of the goods in Riga: see box G3.\n  Party G3: [withheld]",
		"A1: [SEZ]\n--\nB5: [Riga]\n"[:8] + "\nB5: [Riga]",
		"Confidential goods for the addressee.\nC4: [12]",
		"1. Seals checked\n2. Driver questioned\n---\nMore tomorrow, when the laboratory has looked at all of the samples that we took from the lorry at the border,\nand when the driver has been heard by the prosecutor in Riga, which he will be in the afternoon, so we hope, at last and finally in his own language with an interpreter.",
		"Regards the seal as broken.\nNothing else.",
		"From A6: [LV]   To A7: [OCU]\nDate B1: [2027-01-17]\nSubject H1: [nothing]",
	} {
		if got := ReplyText(text); got != strings.TrimSpace(text) {
			t.Errorf("ReplyText(%q) = %q; want all of it", text, got)
		}
	}
}
