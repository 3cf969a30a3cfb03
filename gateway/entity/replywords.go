package entity

import (
	"regexp"
	"strings"
	"sync"
)

// late is an expression that is compiled when it is first asked: those of thirty
// languages take longer than a command that needs none of them.
type late func() *regexp.Regexp

func compiled(expression string) late {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}

// MatchString reports whether the expression is in s.
func (l late) MatchString(s string) bool { return l().MatchString(s) }

// cheap is an expression that is asked only of texts that hold one of some
// characters, without which it can't be there: most lines hold none, and a mail may
// have very many lines.
type cheap struct {
	marks string
	late
}

func markedBy(marks, expression string) cheap { return cheap{marks, compiled(expression)} }

// MatchString reports whether the expression is in s.
func (c cheap) MatchString(s string) bool {
	return strings.ContainsAny(s, c.marks) && c.late.MatchString(s)
}

// The words by which programs introduce, end and warn of mails, in the languages
// of the Union and of its neighbours: bg cs da de el en es et fi fr ga hr hu it lt
// lv mt nl pl pt ro sk sl sv, and no ru tr uk.

// labels are the names of header fields in copies of older mails, in lower case.
var labels = func() map[string]string {
	out := map[string]string{}
	for kind, names := range map[string]string{
		"from":    "from, от, od, fra, von, από, de, expéditeur, saatja, lähettäjä, ó, šalje, pošiljatelj, pošiljateľ, feladó, da, mittente, nuo, no, siuntėjas, sūtītājs, minn, mingħand, van, nadawca, remetente, expeditor, de la, odosielateľ, odesílatel, från, avsändare, absender, отправитель, kimden, gönderen, від, sender, remitente, dari",
		"date":    "date, дата, датум, datum, dato, ημερομηνία, fecha, kuupäev, päivämäärä, päiväys, dáta, dátum, data, datums, tarih",
		"sent":    "sent, sent at, sent on, изпратено, odesláno, sendt, gesendet, στάλθηκε, enviado, enviado el, saadetud, lähetetty, envoyé, envoyé le, seolta, poslano, elküldve, küldve, inviato, išsiųsta, nosūtīts, mibgħut, verzonden, wysłano, wysłane, enviada, enviada em, enviado em, trimis, trimisă, odoslané, poslané, skickat, sendte, отправлено, gönderildi, gönderme tarihi, надіслано",
		"to":      "to, до, komu, til, an, προς, para, kellele, saaja, vastaanottaja, à, destinataire, chuig, prima, za, címzett, a, kam, kam, lil, naar, aan, do, către, za, prejemnik, till, кому, kime, alıcı, pour, k, adresátas, destinatario, empfänger",
		"subject": "subject, тема, относно, předmět, emne, betreff, θέμα, asunto, teema, aihe, objet, ábhar, predmet, tárgy, oggetto, tema, temats, suġġett, onderwerp, temat, assunto, subiect, zadeva, ämne, konu, re, betrifft, sujet, vec",
		"cc":      "cc, bcc, копие, kopie, kopi, κοιν, copie, koopia, kopio, másolatot kap, kopija, kopja, kopia, dw, do wiadomości, cópia, копия, bilgi, копія, kopi til, kopia till, ck, vs",
		"reply":   "reply-to, antwort an, répondre à, responder a, rispondi a, beantwoorden, svar til, svara till, vastausosoite, odpowiedz do, importance, wichtigkeit, attachments, anhänge, pièces jointes",
	} {
		for _, n := range strings.Split(names, ", ") {
			if out[n] == "" {
				out[n] = kind
			}
		}
	}
	return out
}()

// words makes an expression of alternatives that stand as whole words, in any case.
func words(list string) string {
	return `(?:` + strings.Join(strings.Split(strings.TrimSpace(list), ", "), "|") + `)`
}

const edge = `(?:^|[^\pL])`

var (
	wroteList = `wrote, writes, sent, said, writes, написа, написав, napsal, napsala, napsal\(a\), skrev, schrieb, geschrieben, έγραψε, escribió, escribio, kirjutas, kirjoitti, a écrit, écrit, scríobh, napisao, napisala, je napisao, je napisal, napisal, írta, ezt írta, ha scritto, scritto, rašė, parašė, rakstīja, kiteb, kitbet, schreef, geschreven, het volgende geschreven, pisze, napisał, napisała, napisał\(a\), escreveu, a scris, scris, napísal, napísala, je napisala, пишет, написал, написала, написал\(а\), şunu yazdı, yazdı, пише, написав\(ла\)`
	wroteVerb = compiled(`(?i)` + edge + words(wroteList) + `(?:[^\pL]|$)`)
	// endsInVerb: "On … X wrote", and languages whose verb stands before the name.
	endsInVerb = compiled(`(?i)` + edge + words(wroteList) + `\s*[:：-]*\s*$`)
	// plainAttribution names who wrote without a date; it counts before quotes only.
	plainAttribution = compiled(`(?i)^.{1,120}` + edge + words(wroteList) + `(?:[^\pL:]{0,3}|[^:]{0,60})[:：]\s*$`)
	onWord           = compiled(`(?i)^[\W_]{0,4}` + words(`on, at, на, dne, dňa, dna, den, d\., am, um, στις, την, el, le, il, em, no dia, op, pe, w dniu, dnia, ar, ag, a, la, în data, pe data, 2\d{3}[.-], kuupäeval, pvm, dana, u, ob, v, в, ср, пн, вт, чт, пт, сб, вс, fil-, nhar, il-, data, in data, il giorno, il giorno, quoting, citando, reply from, tarihinde, el día, mon, tue, wed, thu, fri, sat, sun`) + `(?:[\s,.]|\d)`)

	// originalWords name an older mail between dashes.
	originalWords = compiled(`(?i)original|ori?gin|forward|оригинал|препратен|původní|přeposlan|oprindelig|ursprunglig|videresendt|ursprünglich|weitergeleitet|αρχικό|προωθημ|reenviad|mensaje|algne|edastatud|alkuperäi|välitet|transf[eé]r|bunteachtaireacht|ar aghaidh|izvorna|proslijeđen|eredeti|továbbított|inoltrat|persiųst|pradin|sākotn|pārsūt|oriġinal|mgħoddi|oorspronkelijk|doorgestuurd|przekazan|wiadomość|encaminhad|redirecţ|redirecț|mesaj|pôvodn|preposlan|izvirno|posredovan|vidarebefordr|исходн|пересыла|начало переадрес|iletilen|переслан|вихідне|reply message|antwort`)
	// begun announces a forwarded mail without dashes.
	begun = compiled(`(?i)^(begin forwarded message|anfang der weitergeleiteten (nachricht|e-?mail)|début du (message réexpédié|message transféré)|inicio del mensaje reenviado|inizio messaggio inoltrato|início da mensagem (re)?encaminhada|begin doorgestuurd bericht|start på videresendt besked|vidarebefordrat brev|początek przekazywanej wiadomości|začátek přeposílané zprávy|edelleenlähetetty viesti alkaa)\s*:?$`)

	// footer is what phones and programs put under a mail.
	footer = compiled(`(?i)^[\s*_([-]*(?:(?:sent|posted|written|delivered) (?:from|via|using|with|by|on) (?:\S+ ?){1,9}$|(?:(?:someone )?from (?:my|mobile)|typed on|composed on).{0,40}$|(?:get|download) .{2,20} for .{2,30}|(?:von|vom) (?:mein\w*|unterwegs|\S+) .{0,40}gesendet|gesendet (?:von|mit|über|aus|per|via) |diese nachricht wurde von (?:meinem|einem) .{2,60}gesendet|outlook für .{2,20}(?:beziehen|herunterladen)|holen sie sich outlook|envoyé (?:de|depuis|à partir|avec|via|par|du) |(?:télécharge[rz]|obtenez|obtenir) outlook|enviad[oa] (?:desde|con|do|de|da|a partir|pelo|via|através) |(?:obtener|descargar|obter|obtenha) (?:o )?outlook|inviat[oa] (?:da|dal|con|tramite|mediante) |(?:ottieni|scarica) outlook|(?:verzonden|verstuurd) (?:vanaf|met|via|van|vanuit) |outlook voor .{2,20}downloaden|(?:download|hent|skaffa|hämta) outlook|sendt (?:fra|med|via) |skickat (?:från|med|via) |skickades från |lähetetty |hanki outlook|saadetud (?:minu|mobiil|\S+ist|\S+lt)|wysłan[eoya]+ (?:z|ze|za pomocą|przez) |pobierz (?:aplikację )?outlook|odesl[aá]n[oa] (?:z|ze|pomocí) |získat outlook|odoslan[éeoa] (?:z|zo|pomocou) |poslan[éoea] (?:z|zo|iz|s|sa|preko|iz moj\S*) |(?:az? )?\S+(?:ról|ről|ból|ből) küldve|küldve .{2,40}|trimis[ăe]? (?:de pe|din|de la|folosind) |obțineți outlook|изпратено (?:от|чрез|с) |στάλθηκε από |εστάλη από |λήψη του outlook|(?:iš)?siųsta iš |gauti .{0,10}outlook|(?:no)?sūtīts no |nosūtīts? (?:no|ar) |mibgħut (?:mi|minn|bl?-)|seolta ó |dobij?te outlook|отправлено (?:с|из|от) |надіслано (?:з|із|за) |\S+ (?:cihazımdan|'?d[ae]n) gönderildi)`)

	// farewell is a formula that ends a letter, alone on its line.
	farewell = compiled(`(?i)^[\s*_-]*(?:(?:with |and )?(?:my |our )?(?:very )?(?:best|kind|kindest|warm|warmest|many thanks and best|thanks and)?,? ?(?:regards|wishes)|best|all the best|cheers|sincerely(?: yours)?|yours(?: (?:sincerely|faithfully|truly))?|respectfully(?: yours)?|(?:mit )?(?:freundlichen?|besten?|herzlichen?|vielen?|liebe|schöne|kollegialen)(?: und kollegialen)? gr(?:ü|ue)(?:ß|ss)(?:en?)?|mfg|vg|lg|hochachtungsvoll|(?:bien )?cordialement|(?:bien )?(?:à|a) vous|(?:sincères|meilleures|cordiales) salutations|salutations(?: distinguées)?|(?:un )?(?:cordial )?saludos?(?: cordial(?:es)?)?|atentamente|un saludo|(?:cordiali|distinti|cari|migliori) saluti|saluti|cordialmente|(?:com os (?:meus|nossos)? ?)?(?:melhores )?cumprimentos|atenciosamente|(?:met )?(?:vriendelijke|hartelijke|collegiale) groet(?:en)?|groet(?:en|jes)?|hoogachtend|(?:med )?(?:venlig|vennlig|bedste|beste|de bedste|mange) hilsen(?:er)?|hilsen|mvh|vh|(?:med )?(?:vänlig|vänliga|bästa) hälsning(?:ar)?|hälsningar|(?:parhain |ystävällisin |kunnioittavasti|parhaat )?terveisin|terveiset|kunnioittavasti|lugupidamisega|heade soovidega|tervitades|(?:ar )?cieņu|ar sveicieniem|sveicieni|pagarbiai|su pagarba|geriausi linkėjimai|z (?:wyrazami szacunku|poważaniem)|(?:serdecznie )?pozdrawiam(?: serdecznie)?|(?:s|se) (?:přátelským |srdečným )?(?:pozdravem|pozdravom|úctou)|(?:s )?pozdravom|s úctou|(?:s |z )?(?:lep|lepimi|prijaznimi|prijazen) pozdravi?|(?:s|z) spoštovanjem|(?:s )?(?:poštovanjem|štovanjem)|(?:lijep|srdačan) pozdrav|lp|(?:szívélyes |baráti |szíves )?üdvözlettel|tisztelettel|üdv|cu (?:stimă|respect|considerație|considerație|drag)|toate cele bune|(?:с|със) уважение|(?:сърдечни |с най-добри )?поздрави?|(?:με|μετά) (?:εκτίμηση|τιμής|φιλικούς χαιρετισμούς)|φιλικά|(?:bl-)?isbaħ xewqat|tislijiet|dejjem tiegħek|le (?:gach )?dea-ghuí|is mise,? le meas|le meas|с уважением|з повагою|saygılar(?:ımla|ımızla)?)[,.!;:]*$`)

	// tag is a server's mark in front of a text.
	tag = compiled(`(?i)^[\[(<{*!#\s]*(?:external|extern|externe|externo|externa|esterno|ekstern|externí|külső|zewnętrzn[ay]|ārēj[ās]\S*|išorinis|väline|ulkoinen|extern[ăa]|външн\S+|εξωτερικ\S+|vanjsk[ai]|zunanj[ei]\S*|estern|seachtrach|внешн\S+|зовнішн\S+)(?: (?:e-?mail|mail|message|sender|nachricht|absender|courriel|expéditeur|correo|mensaje|messaggio|mittente|mensagem|remetente|bericht|afzender|besked|meddelande|viesti|kiri|vēstule|sūtītājs|laiškas|siuntėjas|wiadomość|nadawca|zpráva|odesílatel|správa|odosielateľ|üzenet|feladó|mesaj|expeditor|имейл|съобщение|подател|μήνυμα|αποστολέας|poruka|pošiljatelj|sporočilo|messaġġ))?[\])>}*!#:\s]*$`)

	fromOutside = compiled(`(?i)outside|external|außerhalb|extern|extérieur|extern[oa]|exterior|fuera de|estern|all'esterno|fora d|buiten|udefra|uden for|ekstern|utanför|utifrån|ulkopuol|väljast|väljastpoolt|välis|ārpus|ārēj|išor|z zewnątrz|zewnętrzn|spoza|externí|mimo|zvenčí|extern[ée]|zvonka|kívül|külső|exterior|din afara|външ|извън|εξωτερικ|εκτός|izvan|vanjsk|zunaj|zunanj|barra|minn barra|seachtrach|lasmuigh|внешн|извне|зовнішн|dışarıdan`)
	mailWord    = compiled(`(?i)e-?mail|e-post|message|nachricht|courriel|correo|mensaje|messaggio|mensagem|bericht|besked|meddelande|viesti|sähköposti|kiri|e-kiri|vēstul|e-past|laišk|pašt|wiadomoś|zpráv|správ|üzenet|levél|mesaj|имейл|съобщени|писмо|μήνυμα|poruk|pošt|sporočil|ittra|messaġġ|teachtaireacht|ríomhphost|сообщени|лист|posta`)
	warning     = compiled(`(?i)caution|warning|attention|click|link|attachment|originat|organi[sz]ation|vorsicht|achtung|klick|anhäng|prudence|clique|lien|pièce|precauci|cuidado|atención|enlace|adjunt|attenzione|allegat|clic|cuidado|atenção|anexo|ligaç|let op|klik|bijlage|advarsel|forsigtig|vedhæft|varning|klicka|bilag|bifogad|varo|varoitus|linkk|liit|ettevaatust|hoiatus|manus|uzmanību|brīdinājum|saites|pielikum|dėmesio|įspėjimas|nuorod|pried|uwaga|ostrożn|kliknij|załącznik|upozorn|pozor|klikejte|příloh|upozornen|neklik|príloh|figyelem|vigyáz|mellékl|atenție|atenţie|accesa|ataș|внимание|кликва|прикач|προσοχή|συνδέσμ|συνημμέν|oprez|upozorenje|privit|opozorilo|previdno|prilog|attenzjoni|twissija|rabhadh|aire|ceangl|осторожно|ссылк|вложен|увага|dikkat`)

	// secrecy and addressee together make a disclaimer.
	secrecy     = compiled(`(?i)confidential|privileged|vertraulich|confidentiel|confidencial|riservat|confidenzial|vertrouwelijk|fortrolig|konfident|luottamuksell|konfidents|konfidenci|poufn|důvěrn|dôvern|bizalmas|titkos|confidenţ|confidenț|поверителн|конфиденц|εμπιστευτικ|απόρρητ|povjerljiv|zaupn|kunfidenz|rúnda|faoi rún|конфіденц|gizli`)
	addressee   = compiled(`(?i)intended|addressee|recipient|empfänger|adressat|bestimmt|destinataire|destinat[aá]ri|destinad|geadresseerde|ontvanger|bestemd|modtager|mottagar|mottaker|vastaanottaj|adressaa|saaja|mõeldud|adresāt|saņēmēj|paredzēt|adresat|gavėj|skirta|odbiorc|przeznaczon|adresát|příjemc|určen|príjemc|címzett|destinatar|получател|адресат|предназнач|παραλήπτ|αποδέκτ|primatelj|namijenjen|naslovnik|prejemnik|namenjen|destinatarju|maħsub|faighteoir|seolaí|получател|одержувач|alıcı`)
	legalNotice = compiled(`(?i)^\W*(?:disclaimer|confidentiality (?:notice|warning)|legal notice|haftungsausschluss|avis de confidentialité|aviso (?:legal|de confidencialidad)|avviso di riservatezza|avertissement|wettelijke kennisgeving|zastrzeżenie prawne|jogi nyilatkozat|atruna|vastutuse välistamine)\b`)
	environment = compiled(`(?i)(?:consider|think of|think about) the (?:environment|trees)|before (?:you )?print|umwelt.{0,60}(?:druck|ausdruck)|pens(?:ez|ons) à l.environnement|imprim(?:er|ir|as|ez).{0,80}(?:environnement|medio ?ambiente|ambiente)|(?:medio ?ambiente|ambiente|ambient).{0,80}(?:imprim|stampa)|denk aan het milieu|środowisk.{0,80}druk|drukow.{0,80}środowisk`)
)
