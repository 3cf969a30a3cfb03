package entity

// Cause names why a server didn't take a mail, by its RFC 3463 code ("" where it
// gave none) and its words: one of the causes of Recipient.
func Cause(status, diagnostic string) string { return cause(status, diagnostic) }
