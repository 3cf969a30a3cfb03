package entity

import (
	"encoding/json"
	"strings"
)

// notified is the JSON in which a sending service reports what became of a mail
// (Amazon's event notifications, as mail from its notification service).
type notified struct {
	Message          string `json:"Message"` // the report, where the service wraps it as text
	NotificationType string `json:"notificationType"`
	EventType        string `json:"eventType"`
	Bounce           struct {
		Recipients []notifiedAbout `json:"bouncedRecipients"`
	} `json:"bounce"`
	Delay struct {
		Recipients []notifiedAbout `json:"delayedRecipients"`
	} `json:"deliveryDelay"`
	Delivery struct {
		Recipients []string `json:"recipients"`
		Response   string   `json:"smtpResponse"`
	} `json:"delivery"`
	Mail struct {
		CommonHeaders struct {
			MessageID string `json:"messageId"`
		} `json:"commonHeaders"`
	} `json:"mail"`
}

type notifiedAbout struct {
	Address    string `json:"emailAddress"`
	Action     string `json:"action"`
	Status     string `json:"status"`
	Diagnostic string `json:"diagnosticCode"`
}

// cutLines joins lines that a server cut in the middle of a word: JSON has no line
// break inside its strings, and between them one blank is as good as many.
var cutLines = strings.NewReplacer("!\r\n ", "", "!\n ", "", "\r\n", "", "\n", "")

// notification reads such a report; nil for everything else.
func notification(rd *reader, root *part) *report {
	if !root.header.Has("X-Amz-Sns-Message-Id") || !isLeaf(root) {
		return nil
	}
	var n notified
	text := cutLines.Replace(string(rd.tree.content(root)))
	if json.NewDecoder(strings.NewReader(text)).Decode(&n) != nil {
		return nil
	}
	if n.Message != "" && json.NewDecoder(strings.NewReader(n.Message)).Decode(&n) != nil {
		return nil
	}
	a := &report{original: &Header{MessageID: n.Mail.CommonHeaders.MessageID}}
	switch n.NotificationType + n.EventType {
	case "Bounce":
		a.recipients = notifiedRecipients(n.Bounce.Recipients, "failed")
	case "DeliveryDelay":
		a.recipients = notifiedRecipients(n.Delay.Recipients, "delayed")
	case "Delivery":
		for _, addr := range n.Delivery.Recipients {
			a.recipients = append(a.recipients, Recipient{Recipient: addr, Action: "delivered", Status: statusIn(n.Delivery.Response), Diagnostic: tidyDiagnostic(n.Delivery.Response)}.judged())
		}
	case "Complaint":
		a.kind = Feedback
		return a
	default:
		return nil
	}
	a.kind = dsnKind(a.recipients)
	return a
}

func notifiedRecipients(list []notifiedAbout, otherwise string) []Recipient {
	var out []Recipient
	for _, r := range list[:min(len(list), maxRecipients)] {
		act := action(r.Action)
		if act == "" {
			act = otherwise
		}
		said := r.Diagnostic
		if kind, text, ok := strings.Cut(said, ";"); ok && !strings.Contains(kind, " ") {
			said = text
		}
		out = append(out, Recipient{Recipient: r.Address, Action: act, Status: statusIn(r.Status), Diagnostic: tidyDiagnostic(said)}.judged())
	}
	return out
}
