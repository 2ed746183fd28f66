BEGIN TRANSACTION;
CREATE TABLE documents (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        text TEXT NOT NULL,
        digest TEXT NOT NULL,
        sum INTEGER NOT NULL
    );
INSERT INTO "documents" VALUES(1,'[DEFAULT]
rate = 1
','digest',3174218744);
CREATE TABLE edits (
        section TEXT NOT NULL,
        option TEXT NOT NULL,
        text TEXT NOT NULL,
        revision INTEGER NOT NULL,
        sum INTEGER NOT NULL,
        PRIMARY KEY (section, option)
    ) WITHOUT ROWID;
INSERT INTO "edits" VALUES('00000000000000000000000000000001','colour','grün',2,711301311);
INSERT INTO "edits" VALUES('my.module','rate','2',2,1793101395);
CREATE TABLE events (
        id INTEGER PRIMARY KEY,
        guid TEXT,
        value TEXT NOT NULL,
        sum INTEGER NOT NULL
    );
INSERT INTO "events" VALUES(1,'00000000000000000000000000000001','{"time":"2026-11-28T12:00:00+00:00","kind":"started","cause":"created","actor":"operator","more":{}}',4133200941);
INSERT INTO "events" VALUES(2,NULL,'{"time":"2026-11-28T12:00:00+00:00","kind":"started","cause":"created","actor":"operator","more":{"cause_of":"it"}}',2320206938);
CREATE TABLE history (
        section TEXT NOT NULL,
        revision INTEGER NOT NULL,
        value TEXT NOT NULL,
        sum INTEGER NOT NULL,
        PRIMARY KEY (section, revision)
    ) WITHOUT ROWID;
INSERT INTO "history" VALUES('00000000000000000000000000000001',2,'[{"time":"2026-11-28T12:00:00+00:00","actor":"operator","summary":"revision 2"},[[1,"colour",null,["gr\u00fcn",2]]]]',120795667);
INSERT INTO "history" VALUES('my.module',2,'[{"time":"2026-11-28T12:00:00+00:00","actor":"operator","summary":"revision 2"},[[0,"rate",null,["2",2]]]]',2244552100);
CREATE TABLE jobs (
        place INTEGER PRIMARY KEY,
        guid TEXT NOT NULL UNIQUE,
        value TEXT NOT NULL,
        sum INTEGER NOT NULL
    );
INSERT INTO "jobs" VALUES(1,'00000000000000000000000000000001','{"module":"my.module","launcher":"spawn","address":"127.0.0.1","port":20000,"created":"2026-11-28T12:00:00+00:00","labels":{"tier":"gr\u00fcn"},"wanted":"stopped","doomed":true,"state":"backoff","incarnation":7,"launching":true,"process":{"pid":123,"start":456,"boot":"boot"},"speaks":false,"log_start":1099511627776,"started":"2026-11-28T12:00:00.000001+00:00","restarts":6,"next_start":"2026-11-28T12:00:01.500000+00:00","exit":{"code":null,"signal":9,"reason":"killed","lines":["one","","\udcff\u0000"]},"joined":3,"view":4,"running_revision":5,"failures":["2026-11-28T12:00:00+00:00","2026-11-29T12:00:00+00:00"],"in_a_row":2,"serial":"serial","serial_expires":"2026-11-28T12:00:00+00:00","declared":[{"name":"rate","default":1.5,"choices":[1,null]}],"revoked":"2026-11-28T12:00:00+00:00"}',3845157060);
INSERT INTO "jobs" VALUES(2,'00000000000000000000000000000002','{"module":"my.module","launcher":"spawn","address":"127.0.0.1","port":20000,"created":"2026-11-28T12:00:00+00:00","labels":{},"wanted":"running","doomed":false,"state":"stopped","incarnation":0,"launching":false,"process":null,"speaks":true,"log_start":0,"started":null,"restarts":0,"next_start":null,"exit":null,"joined":0,"view":0,"running_revision":null,"failures":[],"in_a_row":0,"serial":null,"serial_expires":null,"declared":null,"revoked":null}',1766358509);
CREATE TABLE messages (
        number INTEGER PRIMARY KEY,
        receiver TEXT NOT NULL,
        value TEXT NOT NULL,
        data BLOB NOT NULL,
        sum INTEGER NOT NULL
    );
INSERT INTO "messages" VALUES(1,'00000000000000000000000000000001','{"sender":"00000000000000000000000000000002","id":"id-1","attributes":{"type":"t"},"accepted":"2026-11-28T12:00:00+00:00","expires":null,"tries":0,"not_before":null,"dead":null}',X'00FF',4285655169);
INSERT INTO "messages" VALUES(2,'00000000000000000000000000000002','{"sender":"00000000000000000000000000000002","id":"id-2","attributes":{"type":"t"},"accepted":"2026-11-28T12:00:00+00:00","expires":null,"tries":3,"not_before":null,"dead":null}',X'00FF',2966225042);
CREATE TABLE meta (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        transactions INTEGER NOT NULL,
        revision INTEGER NOT NULL,
        last_message INTEGER NOT NULL,
        sum INTEGER NOT NULL
    );
INSERT INTO "meta" VALUES(1,1,3,2,3279502044);
CREATE TABLE rollouts (
        place INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        value TEXT NOT NULL,
        sum INTEGER NOT NULL
    );
INSERT INTO "rollouts" VALUES(1,'a','{"state":"done"}',623004788);
CREATE TABLE "values" (
        name TEXT PRIMARY KEY,
        value TEXT NOT NULL,
        sum INTEGER NOT NULL
    ) WITHOUT ROWID;
INSERT INTO "values" VALUES('a','{"b":[1.5,null]}',1981643390);
CREATE INDEX events_of_job ON events (guid, id) WHERE guid IS NOT NULL;
CREATE INDEX messages_to_job ON messages (receiver);
COMMIT;
PRAGMA application_id = 1347571521;
PRAGMA user_version = 1;
