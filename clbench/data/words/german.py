"""German actors, deeds and places: learned verbs with their plain ones, nouns with their gender."""

from __future__ import annotations

from clbench.data.words.notation import phrases, table, words

ACTORS = table("""
    die Gemeinde        | von der Gemeinde    | f
    die Stadt           | von der Stadt       | f
    der Kanton          | vom Kanton          | m
    der Turnverein      | vom Turnverein      | m
    das Museum          | vom Museum          | n
    das Spital          | vom Spital          | n
    die Schule          | von der Schule      | f
    ein Bauer           | von einem Bauern    | m
    eine Lehrerin       | von einer Lehrerin  | f
    ein Schreiner       | von einem Schreiner | m
    die Feuerwehr       | von der Feuerwehr   | f
    eine Firma          | von einer Firma     | f
    der Quartierverein  | vom Quartierverein  | m
    ein Ehepaar         | von einem Ehepaar   | n
    die Polizei         | von der Polizei     | f
    eine Rentnerin      | von einer Rentnerin | f
    ein Student         | von einem Studenten | m
    die Kirche          | von der Kirche      | f
    das Hotel           | vom Hotel           | n
    ein Nachbar         | von einem Nachbarn  | m
    eine Gärtnerin      | von einer Gärtnerin | f
    der Zirkus          | vom Zirkus          | m
    die Universität     | von der Universität | f
    das Theater         | vom Theater         | n
    ein Förster         | von einem Förster   | m
    eine Bäckerin       | von einer Bäckerin  | f
    der Zoo             | vom Zoo             | m
    das Forstamt        | vom Forstamt        | n
""")
# Participle and plain participle, infinitive with zu and plain infinitive; then the objects, each with its gender.
DEEDS = table("""
    errichtet | gebaut | zu errichten | bauen | Brücke f, Turm m, Halle f, Schulhaus n, Spielplatz m, Mauer f, Stall m
    erworben | gekauft | zu erwerben | kaufen | Bus m, Scheune f, Grundstück n, Gemälde n, Wiese f, Traktor m, Orgel f
    veräussert | verkauft | zu veräussern | verkaufen | Villa f, Wald m, Boot n, Sammlung f, Lastwagen m, Haus n, Uhr f
    instand gesetzt | repariert | instand zu setzen | reparieren | Dach n, Strasse f, Brunnen m, Glocke f, Tor n, Steg m
    aufgespürt | gefunden | aufzuspüren | finden | Katze f, Schatz m, Kiste f, Grab n, Hund m, Münze f, Auto n
    abgetragen | abgerissen | abzutragen | abreissen | Kamin m, Fabrik f, Kino n, Bahnhof m, Garage f, Lagerhaus n
    entwickelt | gemacht | zu entwickeln | machen | Film m, Lampe f, Spiel n, Karte f, Plan m, Rad n, Maschine f
    beseitigt | entfernt | zu beseitigen | entfernen | Zaun m, Baum m, Hecke f, Plakat n, Schild n, Ampel f, Felsen m
    präsentiert | gezeigt | zu präsentieren | zeigen | Modell n, Entwurf m, Skulptur f, Fund m, Maske f, Buch n
    verfasst | geschrieben | zu verfassen | schreiben | Bericht m, Brief m, Roman m, Chronik f, Gesuch n, Lied n
    gespendet | verschenkt | zu spenden | verschenken | Sitzbank f, Ofen m, Klavier n, Linde f, Zelt n, Rutschbahn f
""")
ADJECTIVES = words("""
    klein gross bunt schlicht schön ungewöhnlich auffällig umstritten wertvoll stattlich bescheiden seltsam markant
""")
PLACES = phrases("""
    in Birkwil | in Oberlinden | am Seeufer | in der Altstadt | beim Bahnhof | in Rosental | auf dem Hügel
    im Dorf Matten | in Niederau | am Waldrand | in Kirchfeld | in Sonnrüti | am Marktplatz | in Talbach
    beim Hafen | in Ahornegg | im Nordquartier | in Feldmoos | am Stadtrand | in Brunnau | neben der Mühle
    in Steinhof | in Grünegg | am Fluss
""")
