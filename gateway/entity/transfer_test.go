package entity

import "testing"

func TestFilesInATextLeaveTheTextAroundThemWhole(t *testing.T) {
	file := "begin 644 note.txt\n#0V%T\n`\nend\n"
	raw := "From: officer@vid.example\n\nControls begin at eight.\nA1: [SEZ]\n" + file + "Between the files.\n" + file + "A4: [LV-VID-2026-000001]\nend of the list\n"
	r := Read([]byte(raw), pretend{}, Limits{})
	if want := "Controls begin at eight.\nA1: [SEZ]\nBetween the files.\nA4: [LV-VID-2026-000001]\nend of the list\n"; r.Text != want {
		t.Errorf("Read = %q; want %q", r.Text, want)
	}
	if len(r.Attachments) != 2 || r.Attachments[1].Name != "note.txt" || string(r.Attachments[1].Content) != "Cat" {
		t.Errorf("Read: files %v; want note.txt twice", r.Attachments)
	}
}
