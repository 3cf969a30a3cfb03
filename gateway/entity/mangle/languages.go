package mangle

// Language is how mail looks in one language of the Union: how programs introduce
// what they quote, what phones and servers add, how people end.
type Language struct {
	Lang         string
	Answer       string
	Attributions []string // before a quotation
	Block        string   // labels of an older mail
	Mark         string   // between dashes
	Footer       string
	Farewell     string
	Disclaimer   string
	Banner       string
}

// Languages are those of the Union.
var Languages = []Language{
	{"bg", "Получихме контейнера.", []string{"На пон, 18.01.2027 г. в 9:00 OCU <ocu@gateway.example> написа:", "На 18.01.2027 г. 9:00 ч., OCU написа:"},
		"От: OCU <ocu@gateway.example>\nИзпратено: понеделник, 18 януари 2027 г. 9:00\nДо: officer@vid.example\nТема: OP-7K3", "Оригинално съобщение", "Изпратено от моя iPhone", "С уважение,",
		"Това съобщение е поверително и е предназначено само за посочения получател. Ако сте го получили по погрешка, изтрийте го.", "ВНИМАНИЕ: Това съобщение е изпратено извън организацията. Не кликвайте върху връзки."},
	{"cs", "Kontejner jsme dostali.", []string{"po 18. 1. 2027 v 9:00 odesílatel OCU <ocu@gateway.example> napsal:", "Dne 18. 1. 2027 v 9:00 OCU napsal(a):"},
		"Od: OCU <ocu@gateway.example>\nOdesláno: pondělí 18. ledna 2027 9:00\nKomu: officer@vid.example\nPředmět: OP-7K3", "Původní zpráva", "Odesláno z mého iPhonu", "S pozdravem",
		"Tato zpráva je důvěrná a je určena pouze adresátovi. Pokud jste ji obdrželi omylem, smažte ji.", "UPOZORNĚNÍ: Tato zpráva pochází z externího zdroje. Neklikejte na odkazy."},
	{"da", "Vi har modtaget containeren.", []string{"Den man. 18. jan. 2027 kl. 09.00 skrev OCU <ocu@gateway.example>:", "Den 18.01.2027 kl. 09:00 skrev OCU:"},
		"Fra: OCU <ocu@gateway.example>\nSendt: 18. januar 2027 09:00\nTil: officer@vid.example\nEmne: OP-7K3", "Oprindelig meddelelse", "Sendt fra min iPhone", "Med venlig hilsen",
		"Denne meddelelse er fortrolig og kun bestemt for modtageren. Har du modtaget den ved en fejl, bedes du slette den.", "ADVARSEL: Denne e-mail kommer udefra. Klik ikke på links."},
	{"de", "Wir haben den Behälter erhalten.", []string{"Am Mo., 18. Jan. 2027 um 09:00 Uhr schrieb OCU <ocu@gateway.example>:", "Am 18.01.27 um 09:00 schrieb OCU:"},
		"Von: OCU <ocu@gateway.example>\nGesendet: Montag, 18. Januar 2027 09:00\nAn: officer@vid.example\nBetreff: OP-7K3", "Ursprüngliche Nachricht", "Von meinem iPhone gesendet", "Mit freundlichen Grüßen",
		"Diese E-Mail enthält vertrauliche Informationen und ist nur für den Empfänger bestimmt. Sollten Sie sie irrtümlich erhalten haben, löschen Sie sie bitte.", "ACHTUNG: Diese E-Mail stammt von außerhalb der Organisation. Klicken Sie nicht auf Links."},
	{"el", "Παραλάβαμε το εμπορευματοκιβώτιο.", []string{"Στις Δευ 18 Ιαν 2027 στις 9:00 π.μ., ο χρήστης OCU <ocu@gateway.example> έγραψε:", "Στις 18/1/2027 9:00, OCU έγραψε:"},
		"Από: OCU <ocu@gateway.example>\nΣτάλθηκε: Δευτέρα, 18 Ιανουαρίου 2027 9:00\nΠρος: officer@vid.example\nΘέμα: OP-7K3", "Αρχικό μήνυμα", "Στάλθηκε από το iPhone μου", "Με εκτίμηση,",
		"Το παρόν μήνυμα είναι εμπιστευτικό και απευθύνεται μόνο στον παραλήπτη. Αν το λάβατε κατά λάθος, διαγράψτε το.", "ΠΡΟΣΟΧΗ: Αυτό το μήνυμα προέρχεται από εξωτερικό αποστολέα. Μην ανοίγετε συνδέσμους."},
	{"en", "We have received the container.", []string{"On Mon, 18 Jan 2027 at 09:00, OCU <ocu@gateway.example> wrote:", "On 18/01/2027 09:00, OCU wrote:"},
		"From: OCU <ocu@gateway.example>\nSent: Monday, 18 January 2027 09:00\nTo: officer@vid.example\nSubject: OP-7K3", "Original Message", "Sent from my iPhone", "Kind regards,",
		"This e-mail is confidential and intended solely for the addressee. If you have received it in error, delete it.", "CAUTION: This email originated from outside of the organisation. Do not click links."},
	{"es", "Hemos recibido el contenedor.", []string{"El lun, 18 ene 2027 a las 9:00, OCU (<ocu@gateway.example>) escribió:", "El 18/01/2027 a las 9:00, OCU escribió:"},
		"De: OCU <ocu@gateway.example>\nEnviado el: lunes, 18 de enero de 2027 9:00\nPara: officer@vid.example\nAsunto: OP-7K3", "Mensaje original", "Enviado desde mi iPhone", "Saludos cordiales,",
		"Este mensaje es confidencial y está destinado únicamente a su destinatario. Si lo ha recibido por error, bórrelo.", "PRECAUCIÓN: Este correo procede de fuera de la organización. No haga clic en los enlaces."},
	{"et", "Saime konteineri kätte.", []string{"OCU <ocu@gateway.example> kirjutas kuupäeval E, 18. jaanuar 2027 kell 09:00:", "Kuupäeval 18.01.2027 09:00 kirjutas OCU:"},
		"Saatja: OCU <ocu@gateway.example>\nSaadetud: esmaspäev, 18. jaanuar 2027 09:00\nSaaja: officer@vid.example\nTeema: OP-7K3", "Algne sõnum", "Saadetud minu iPhone'ist", "Lugupidamisega",
		"See kiri on konfidentsiaalne ja mõeldud ainult adressaadile. Kui saite selle eksikombel, kustutage see.", "ETTEVAATUST: See kiri on saadetud väljastpoolt asutust. Ärge klõpsake linkidel."},
	{"fi", "Olemme saaneet kontin.", []string{"ma 18. tammik. 2027 klo 9.00 OCU (ocu@gateway.example) kirjoitti:", "OCU kirjoitti 18.1.2027 klo 9.00:"},
		"Lähettäjä: OCU <ocu@gateway.example>\nLähetetty: maanantai 18. tammikuuta 2027 9.00\nVastaanottaja: officer@vid.example\nAihe: OP-7K3", "Alkuperäinen viesti", "Lähetetty iPhonesta", "Ystävällisin terveisin",
		"Tämä viesti on luottamuksellinen ja tarkoitettu vain vastaanottajalle. Jos olet saanut sen vahingossa, poista se.", "VAROITUS: Tämä viesti on tullut organisaation ulkopuolelta. Älä avaa linkkejä."},
	{"fr", "Nous avons reçu le conteneur.", []string{"Le lun. 18 janv. 2027 à 09:00, OCU <ocu@gateway.example> a écrit :", "Le 18/01/2027 à 09:00, OCU a écrit :"},
		"De : OCU <ocu@gateway.example>\nEnvoyé : lundi 18 janvier 2027 09:00\nÀ : officer@vid.example\nObjet : OP-7K3", "Message d'origine", "Envoyé de mon iPhone", "Cordialement,",
		"Ce message est confidentiel et destiné exclusivement à son destinataire. Si vous l'avez reçu par erreur, supprimez-le.", "ATTENTION : Ce courriel provient de l'extérieur de l'organisation. Ne cliquez pas sur les liens."},
	{"ga", "Fuaireamar an coimeádán.", []string{"Ar Luan 18 Ean 2027 ag 09:00, scríobh OCU <ocu@gateway.example>:", "Ar 18/01/2027 09:00, scríobh OCU:"},
		"Ó: OCU <ocu@gateway.example>\nSeolta: Dé Luain 18 Eanáir 2027 09:00\nChuig: officer@vid.example\nÁbhar: OP-7K3", "Bunteachtaireacht", "Seolta ó m'iPhone", "Le dea-ghuí,",
		"Tá an teachtaireacht seo faoi rún agus ceaptha don fhaighteoir amháin. Má fuair tú í trí dhearmad, scrios í.", "RABHADH: Tháinig an teachtaireacht seo ó lasmuigh den eagraíocht. Ná cliceáil ar naisc."},
	{"hr", "Primili smo kontejner.", []string{"pon, 18. sij 2027. u 09:00 OCU <ocu@gateway.example> napisao je:", "Dana 18.01.2027. u 09:00, OCU je napisao/la:"},
		"Šalje: OCU <ocu@gateway.example>\nPoslano: ponedjeljak, 18. siječnja 2027. 9:00\nPrima: officer@vid.example\nPredmet: OP-7K3", "Izvorna poruka", "Poslano s mog iPhonea", "S poštovanjem,",
		"Ova poruka je povjerljiva i namijenjena samo primatelju. Ako ste je primili pogreškom, izbrišite je.", "OPREZ: Ova poruka dolazi izvan organizacije. Ne otvarajte poveznice ni privitke."},
	{"hu", "Megkaptuk a konténert.", []string{"OCU <ocu@gateway.example> ezt írta (időpont: 2027. jan. 18., H, 9:00):", "2027. 01. 18. 9:00 keltezéssel, OCU írta:"},
		"Feladó: OCU <ocu@gateway.example>\nElküldve: 2027. január 18., hétfő 9:00\nCímzett: officer@vid.example\nTárgy: OP-7K3", "Eredeti üzenet", "iPhone-omról küldve", "Üdvözlettel,",
		"Ez az üzenet bizalmas, és csak a címzettnek szól. Ha tévedésből kapta meg, törölje.", "FIGYELEM: Ez az üzenet a szervezeten kívülről érkezett. Ne kattintson hivatkozásra, mellékletre."},
	{"it", "Abbiamo ricevuto il container.", []string{"Il giorno lun 18 gen 2027 alle ore 09:00 OCU <ocu@gateway.example> ha scritto:", "Il 18/01/2027 09:00, OCU ha scritto:"},
		"Da: OCU <ocu@gateway.example>\nInviato: lunedì 18 gennaio 2027 09:00\nA: officer@vid.example\nOggetto: OP-7K3", "Messaggio originale", "Inviato da iPhone", "Cordiali saluti",
		"Questo messaggio è riservato ed è destinato esclusivamente al destinatario. Se ricevuto per errore, va cancellato.", "ATTENZIONE: Questo messaggio proviene dall'esterno dell'organizzazione. Non aprire allegati."},
	{"lt", "Konteinerį gavome.", []string{"2027-01-18, pr, 09:00 OCU <ocu@gateway.example> rašė:", "2027-01-18 09:00, OCU rašė:"},
		"Nuo: OCU <ocu@gateway.example>\nIšsiųsta: 2027 m. sausio 18 d., pirmadienis 09:00\nKam: officer@vid.example\nTema: OP-7K3", "Pradinis laiškas", "Išsiųsta iš mano iPhone", "Pagarbiai",
		"Šis laiškas yra konfidencialus ir skirtas tik nurodytam adresatui. Jei jį gavote per klaidą, ištrinkite.", "DĖMESIO: Šis laiškas gautas iš išorės siuntėjo. Nespauskite nuorodų."},
	{"lv", "Konteineru saņēmām.", []string{"pirmd., 2027. g. 18. janv., plkst. 09:00 — lietotājs OCU (<ocu@gateway.example>) rakstīja:", "2027. gada 18. janvārī 09:00 OCU rakstīja:"},
		"No: OCU <ocu@gateway.example>\nNosūtīts: pirmdiena, 2027. gada 18. janvāris 09:00\nKam: officer@vid.example\nTēma: OP-7K3", "Sākotnējā ziņa", "Sūtīts no mana iPhone", "Ar cieņu",
		"Šī vēstule ir konfidenciāla un paredzēta tikai adresātam. Ja saņēmāt to kļūdas pēc, izdzēsiet.", "UZMANĪBU: Šī vēstule saņemta no ārēja sūtītāja. Neveriet saites un pielikumus."},
	{"mt", "Irċevejna l-kontenitur.", []string{"Fit-Tnejn, 18 ta' Jan 2027 fid-09:00, OCU <ocu@gateway.example> kiteb:", "Fil-18/01/2027 09:00, OCU kiteb:"},
		"Minn: OCU <ocu@gateway.example>\nMibgħut: It-Tnejn, 18 ta' Jannar 2027 09:00\nLil: officer@vid.example\nSuġġett: OP-7K3", "Messaġġ Oriġinali", "Mibgħut mill-iPhone tiegħi", "Tislijiet,",
		"Dan il-messaġġ huwa kunfidenzjali u maħsub biss għad-destinatarju. Jekk irċevejtu bi żball, ħassru.", "ATTENZJONI: Dan il-messaġġ ġie minn barra l-organizzazzjoni. Tiftaħx links."},
	{"nl", "Wij hebben de container ontvangen.", []string{"Op ma 18 jan 2027 om 09:00 schreef OCU <ocu@gateway.example>:", "Op 18-01-2027 om 09:00 schreef OCU:"},
		"Van: OCU <ocu@gateway.example>\nVerzonden: maandag 18 januari 2027 09:00\nAan: officer@vid.example\nOnderwerp: OP-7K3", "Oorspronkelijk bericht", "Verstuurd vanaf mijn iPhone", "Met vriendelijke groet,",
		"Dit bericht is vertrouwelijk en uitsluitend bestemd voor de geadresseerde. Als u het per vergissing ontvangt, verwijder het dan.", "LET OP: Deze e-mail komt van buiten de organisatie. Klik niet op links."},
	{"pl", "Otrzymaliśmy kontener.", []string{"pon., 18 sty 2027 o 09:00 OCU <ocu@gateway.example> napisał(a):", "W dniu 18.01.2027 o 09:00, OCU pisze:"},
		"Od: OCU <ocu@gateway.example>\nWysłano: poniedziałek, 18 stycznia 2027 09:00\nDo: officer@vid.example\nTemat: OP-7K3", "Oryginalna wiadomość", "Wysłane z iPhone'a", "Z poważaniem",
		"Ta wiadomość jest poufna i przeznaczona wyłącznie dla adresata. Jeśli otrzymano ją omyłkowo, proszę ją usunąć.", "UWAGA: Ta wiadomość pochodzi spoza organizacji. Nie klikaj linków ani załączników."},
	{"pt", "Recebemos o contentor.", []string{"OCU <ocu@gateway.example> escreveu (segunda, 18/01/2027 à(s) 09:00):", "Em 18/01/2027 09:00, OCU escreveu:"},
		"De: OCU <ocu@gateway.example>\nEnviado: 18 de janeiro de 2027 09:00\nPara: officer@vid.example\nAssunto: OP-7K3", "Mensagem original", "Enviado do meu iPhone", "Com os melhores cumprimentos,",
		"Esta mensagem é confidencial e destina-se exclusivamente ao destinatário. Se a recebeu por engano, elimine-a.", "CUIDADO: Esta mensagem vem de fora da organização. Não clique em ligações nem anexos."},
	{"ro", "Am primit containerul.", []string{"În lun., 18 ian. 2027 la 09:00, OCU <ocu@gateway.example> a scris:", "Pe 18.01.2027 09:00, OCU a scris:"},
		"De la: OCU <ocu@gateway.example>\nTrimis: luni, 18 ianuarie 2027 09:00\nCătre: officer@vid.example\nSubiect: OP-7K3", "Mesaj original", "Trimis de pe iPhone-ul meu", "Cu stimă,",
		"Acest mesaj este confidențial și este adresat exclusiv destinatarului. Dacă l-ați primit din greșeală, ștergeți-l.", "ATENȚIE: Acest mesaj provine din afara organizației. Nu accesați linkuri."},
	{"sk", "Kontajner sme dostali.", []string{"po 18. 1. 2027 o 9:00 OCU <ocu@gateway.example> napísal(a):", "Dňa 18. 1. 2027 o 9:00 OCU napísal:"},
		"Od: OCU <ocu@gateway.example>\nOdoslané: pondelok 18. januára 2027 9:00\nKomu: officer@vid.example\nPredmet: OP-7K3", "Pôvodná správa", "Odoslané z môjho iPhonu", "S pozdravom",
		"Táto správa je dôverná a určená len adresátovi. Ak ste ju dostali omylom, vymažte ju.", "UPOZORNENIE: Táto správa prišla z externého zdroja. Neklikajte na odkazy."},
	{"sl", "Zabojnik smo prejeli.", []string{"V pon., 18. jan. 2027 ob 09:00 je oseba OCU <ocu@gateway.example> napisala:", "Dne 18. 01. 2027 ob 09:00 je OCU napisal:"},
		"Od: OCU <ocu@gateway.example>\nPoslano: ponedeljek, 18. januar 2027 09:00\nZa: officer@vid.example\nZadeva: OP-7K3", "Izvirno sporočilo", "Poslano iz mojega iPhona", "Lep pozdrav",
		"To sporočilo je zaupno in namenjeno le naslovniku. Če ste ga prejeli pomotoma, ga izbrišite.", "OPOZORILO: To sporočilo prihaja od zunanjega pošiljatelja. Ne odpirajte prilog."},
	{"sv", "Vi har tagit emot containern.", []string{"Den mån 18 jan. 2027 kl 09:00 skrev OCU <ocu@gateway.example>:", "OCU skrev 2027-01-18 09:00:"},
		"Från: OCU <ocu@gateway.example>\nSkickat: den 18 januari 2027 09:00\nTill: officer@vid.example\nÄmne: OP-7K3", "Ursprungligt meddelande", "Skickat från min iPhone", "Med vänlig hälsning",
		"Detta meddelande är konfidentiellt och endast avsett för mottagaren. Har du fått det av misstag, radera det.", "VARNING: Detta meddelande kommer utifrån organisationen. Klicka inte på länkar."},
}
