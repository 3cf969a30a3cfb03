package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestMailThatCannotBeOpenedIsAnsweredByTheTemplateAloneAndOnceAnHour(t *testing.T) {
	h := newHall(t)
	h.write("gw/gateway.yaml", h.read("gw/gateway.yaml")+"  authserv_id: mx.gateway.example\n")
	h.start("serve", "-c", h.path("gw/gateway.yaml"))

	lost := h.ee
	lost.Gateway = h.certificate("FI.asc.cert.asc") // not ours
	wrong := func(id, results string) []byte {
		raw, err := lost.Write(fmt.Sprintf(seizure, 1, 1), id, "", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return append([]byte(results), raw...)
	}
	h.send(wrong("1@ee.example", ""))
	h.send(wrong("2@ee.example", "Authentication-Results: mx.gateway.example; dmarc=fail header.from=ee.example\r\n"))
	for _, id := range []string{"3@ee.example", "4@ee.example"} {
		h.send(wrong(id, "Authentication-Results: mx.gateway.example; dmarc=pass header.from=ee.example\r\n"))
	}
	h.until("the template is sent", func() bool { return h.mails.find("To-Envelope: "+eeAddress) != "" })
	answer := h.mails.find("To-Envelope: " + eeAddress)
	for _, want := range []string{"In-Reply-To: <3@ee.example>", "Auto-Submitted: auto-replied", "fingerprint", "certificate.asc"} {
		if !strings.Contains(answer, want) {
			t.Errorf("the template has no %q:\n%s", want, answer)
		}
	}
	if strings.Contains(answer, "PGP MESSAGE") {
		t.Errorf("the template is encrypted for one whose keys may be lost:\n%s", answer)
	}

	// A form after them is answered after them: nothing else was.
	right, err := h.ee.Write(strings.Replace(fmt.Sprintf(seizure, 1, 1), "PL", "FI", 1), "5@ee.example", "", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	h.send(right)
	h.until("the form is answered", func() bool { return h.mails.find("In-Reply-To: <5@ee.example>") != "" })
	for _, id := range []string{"1", "2", "4"} {
		if got := h.mails.find("In-Reply-To: <" + id + "@ee.example>"); got != "" {
			t.Errorf("mail %s is answered too:\n%s", id, got)
		}
	}
}
