package configs

// StarterGateway is the gateway.yaml of a new set-up, a text/template over Code
// and Address.
const StarterGateway = `# The gateway. Every path is relative to this file. Unknown keys are errors.
gateway:
  code: {{.Code}}                      # participant code of the gateway itself
  address: {{.Address}}
  phone: "+000 000 000"                # of the unit: stands in every mail
  key_files: [keys/gateway.asc]        # the first signs, all open; passphrase from LIAISON_PASSPHRASE or passphrase_file
store: sqlite:data/liaison.db
storage_key_file: secrets/storage      # back it up apart from the store
websocket:
  listen: "127.0.0.1:8443"             # beyond loopback it needs tls_cert_file and tls_key_file
  hosts: [127.0.0.1, localhost]        # names that participants dial
operations: [operations/*.yaml]        # applied at start
`

// StarterOperation is the operation file of a new set-up, a text/template with
// the function day: a date so many days from today.
const StarterOperation = `# One joint operation. "liaison check" finds what is wrong with it.
operation: OP-001                      # neutral code; the only name that may stand in a clear header
title: Example operation
organiser: LV
legal_basis: NAPLES2                   # fills A17 where a sender leaves it out
phases:
  preparation: {from: {{day 0}}, to: {{day 41}}}
  operation:   {from: {{day 42}}, to: {{day 48}}}
  evaluation:  {from: {{day 49}}, to: {{day 77}}}
policy: {unsigned: held, unconfirmed: held}
desk: {phone: "+000 000 000"}
participants:
  - code: LV
    country: LV
    class: eu-member
    authority: State Revenue Service, Customs Board
    reference: VID
    languages: [lv, en]
    duty: {phone: "+000 000 001", email: duty@lv.example}
    keys: []                           # - {file: ../keys/lv.asc, holder: functional mailbox, role: shared}
    addresses: [jco@lv.example]
    channels:
      - {kind: websocket}
  - code: PL
    country: PL
    class: eu-member
    authority: National Revenue Administration
    reference: KAS
    languages: [en]
    duty: {phone: "+000 000 002", email: duty@pl.example}
    keys: []
    addresses: [jco@pl.example]
    channels:
      - {kind: websocket}
`
