package commtest

import (
	"time"
)

// Code names a problem. The list is fixed: people look codes up.
type Code string

// The codes, by the rung at which they are found.
const (
	Address      Code = "ADDRESS"
	NoRoute      Code = "NOROUTE"
	TLS          Code = "TLS"
	Login        Code = "LOGIN"
	NoKey        Code = "NOKEY"
	Unconfirmed  Code = "UNCONFIRMED"
	KeyExpired   Code = "KEYEXPIRED"
	KeyExpires   Code = "KEYEXPIRES"
	KeyRevoked   Code = "KEYREVOKED"
	KeyWeak      Code = "KEYWEAK"
	Withheld     Code = "WITHHELD"
	Bounce       Code = "BOUNCE"
	Delayed      Code = "DELAYED"
	WSDown       Code = "WSDOWN"
	WSAuth       Code = "WSAUTH"
	Spam         Code = "SPAM"
	AutoReply    Code = "AUTOREPLY"
	NoAnswer     Code = "NOANSWER"
	NoDecrypt    Code = "NODECRYPT"
	WrongKey     Code = "WRONGKEY"
	Replay       Code = "REPLAY"
	NoCode       Code = "NOCODE"
	Unsigned     Code = "UNSIGNED"
	Clear        Code = "CLEAR"
	BadSig       Code = "BADSIG"
	NotSender    Code = "NOTSENDER"
	WrongPerson  Code = "WRONGPERSON"
	Echo         Code = "ECHO"
	WrongChannel Code = "WRONGCHANNEL"
	CallBack     Code = "CALLBACK"
	Clock        Code = "CLOCK"
	FormBroken   Code = "FORMBROKEN"
	Charset      Code = "CHARSET"
	AttLost      Code = "ATTLOST"
	Mangled      Code = "MANGLED"
	Nominal      Code = "NOMINAL"
	NoForm       Code = "NOFORM"
	WrongMode    Code = "WRONGMODE"
	NoPerson     Code = "NOPERSON"
	NoSecond     Code = "NOSECOND"
	Disagree     Code = "DISAGREE"
	TooLate      Code = "TOOLATE"
	NotOnward    Code = "NOTONWARD"
	Style        Code = "STYLE"
	OneWay       Code = "ONEWAY"
)

// Who has to act.
type Who string

// Those who act.
const (
	ByParticipant Who = "participant"
	ByMailAdmins  Who = "mail"
	ByUnit        Who = "unit"
	ByOrganiser   Who = "organiser"
)

// acts says who has to act on a code; the participant where none is named.
var acts = map[Code]Who{
	Address: ByUnit, NoRoute: ByUnit, TLS: ByUnit, Login: ByUnit, Unconfirmed: ByUnit, Withheld: ByUnit, CallBack: ByUnit, WrongPerson: ByUnit,
	Bounce: ByMailAdmins, Delayed: ByMailAdmins, Spam: ByMailAdmins, Mangled: ByMailAdmins, AttLost: ByMailAdmins, BadSig: ByMailAdmins,
	NoAnswer: ByUnit, Style: ByOrganiser, OneWay: ByOrganiser,
}

// Finding is one problem, with what was seen.
type Finding struct {
	Code  Code              `json:"code"`
	Cause string            `json:"cause,omitempty"` // of a bounce or delay, of a change on the way
	Rung  Rung              `json:"rung"`
	Way   Way               `json:"way"`
	Stops bool              `json:"stops"` // the step failed because of it; else it is told beside
	At    time.Time         `json:"at,omitzero"`
	Seen  string            `json:"seen,omitempty"` // key of the sentence that says what was seen
	Args  map[string]string `json:"args,omitempty"` // what the sentences are filled in with
	Who   Who               `json:"who"`
}
