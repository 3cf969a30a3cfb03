// Package agent is a participant's everyday end of the WebSocket channel: a
// folder that forms come into and go out of.
//
//	in/<reference>/          a form that was received, whole and verified
//	  form.json              the originator's bytes, or the gateway's reading of them
//	  form.json.asc          the originator's own signature over form.json, where it made one
//	  form.txt               who proved what, as checked here, and the form to read
//	  origin.json            the same verdict for programs
//	  relay.json             what the gateway says under its signature
//	  attachments/           as the sender called them, made safe as file names
//	  delivery               the delivery's id, by which a repeat is known
//	  superseded.txt         later: which form corrected or cancelled this one
//	  exec.failed.txt        while the command for this form fails: why, and when it runs again
//	in/status.jsonl          what became of forms of ours, a line each
//	in/refused/              what could not be proven to come from the gateway
//	out/                     drop a form here: .json, .txt, or a folder with a form and attachments
//	out/sent/                what the gateway took, with its answer, and later its status, beside
//	out/failed/              what it refused, or what is no form, with the reason beside
//	ask/                     what a person must answer; complete it and move it into out/
//	state/                   position, counters, jobs; keep it with the folders
//
// What is dropped is taken when nobody writes it any more: a .json that is whole,
// or a .txt with its END line, when it looked the same twice, a second apart;
// everything else when it has been the same for ten looks. An empty file waits.
// To be safe however slow the copy, write under a name that begins with a dot or
// ends in .tmp or .part, and rename; to a name that begins with "submit-", and it
// is taken at once. Urgent forms go first, others in the order
// in which they were taken.
//
// An attachment is declared in box A22 with its SHA-256, so that the originator's
// signature covers it: as free of nominal data where A22 holds its name alone, as
// nominal where it doesn't hold it, or holds "name;N".
//
// A test call (TST) is answered at once with the machine's part (T1 to T8, T12),
// once for each call; the person's part waits in ask/.
//
// The package guarantees that a form is acknowledged only when it lies synced on
// disk and its gateway's signature, operation, recipients and hash were checked;
// that a repeat after a crash is known and dropped; that a submit keeps its
// identifier and its bytes from before the first try, so that no crash makes two
// forms of one; that only one agent at a time works on a folder.
//
// A frame that can't be verified is never acknowledged: the gateway is told, and
// sends it again, made anew; what comes after it waits. An agent whose session
// another system of the same participant replaced stands aside instead of taking
// it back. The command of Exec may run twice for a form, and runs again after a
// failure. The package decides nothing about what a form says.
//
// Read Run, then land.go for what comes in and dispatch.go for what goes out.
package agent
