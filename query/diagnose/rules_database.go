package diagnose

// What databases are called in lines.
const database = `(?:data ?base|\bdb\b|postgres(?:ql)?|mysql|mariadb|mongo(?:db)?|oracle|sql ?server|jdbc|cassandra|cockroach|psycopg2?|hikari\w*|sqlalchemy|pgbouncer|pq:|pgx|sequelize|\bsql\b)`

// databaseRules: databases that cannot be reached, are full up, or refuse. They
// stand above the rules of connections: the same line may say both.
func databaseRules() []Rule {
	words := []string{"database", "db", "sql", "postgres", "mysql", "maria", "mongo", "jdbc", "cassandra", "hikari", "psycopg", "connection slots", "too many clients", "too many connections", ":5432", ":3306", ":27017", "pool", "ora-", "tns:"}
	return []Rule{
		{
			Name: "database-login", Cause: CausePermissionDenied, Depth: Root, In: Logs,
			Words: []string{"authentication failed", "access denied for user", "login failed", "auth failed"},
			Match: `password authentication failed for user [\\"']*(?P<user>[-\w.]+)|Access denied for user [\\"']*(?P<user>[-\w.]+)|Login failed for user [\\"']*(?P<user>[-\w.]+)|MongoServerError: Authentication failed|no pg_hba\.conf entry for host`,
			Least: 1, Says: "the database refuses the credentials of user {user|that it logs in as}",
		},
		{
			Name: "database-connections", Cause: CauseDatabaseError, Depth: Failure, In: Logs, Words: words,
			Match: `remaining connection slots are reserved|too many (?:clients|connections)|no (?:available|free|more) connections?|connection pool (?:is )?(?:exhausted|timed? ?out|full|depleted)|connection is not available, request timed out|(?:timeout|timed out) (?:acquiring|waiting for|getting|obtaining)[^\n]{0,40}connection|QueuePool limit|max(?:imum)?[_ ](?:number of )?connections? (?:reached|exceeded)|unable to acquire (?:a )?(?:JDBC )?connection|ran out of (?:free )?connections`,
			Says:  "the database {host|that it uses} has no free connection",
		},
		{
			Name: "database-unreachable", Cause: CauseDatabaseError, Depth: Failure, In: Logs, Words: words,
			Match: database + `[^\n]{0,160}?(?:connect(?:ion|ing)? (?:to )?[^\n]{0,60}?(?:refused|failed|failure|timed? ?out|timeout|error|lost|closed|reset|unavailable)|ECONNREFUSED|ETIMEDOUT|unreachable|unavailable|not reachable|is down|query failed|could not connect|cannot connect|no route)[^\n]*?(?:tried: |to |at |connect )?(?P<host>[a-z][-a-z0-9.]*:\d{2,5})?` +
				`|(?:failed|unable|cannot|can't|could not|couldn't|error|timed? ?out|refused|retrying|failure)[^\n]{0,60}?(?:connect(?:ing|ion)?|reach(?:ing)?|open|ping(?:ing)?)[^\n]{0,60}?` + database + `[^\n]{0,80}?(?P<host>[a-z][-a-z0-9.]*:\d{2,5})?` +
				`|(?:host\(s\)|hosts?|nodes?) tried for (?:db )?query failed \(tried: (?P<host>[-\w.]+:\d+)` +
				`|CommunicationsException: Communications link failure|MongoServerSelectionError|MongoNetworkError|psycopg2?\.OperationalError: (?:[^\n]*?host [\\"']+(?P<host>[-\w.]+))?[^\n]*|MySQL server on [\\"']+(?P<host>[-\w.]+)[^\n]*|connection to server at [\\"']*(?P<host>[-\w.]+)[^\n]*failed|ORA-\d{5}|TNS:(?:no listener|\w+)|SQLSTATE\[?(?:08\w{3}|HY000)|the database system is (?:starting up|shutting down|in recovery mode)|(?P<host>[-\w.]+:(?:5432|3306|27017|1521|1433|9042|26257))[^\n]{0,60}(?:refused|timed? ?out|timeout|no route)`,
			Unless: `no space left|certificate|x509|no such host|slow query`,
			Says:   "the database {host|that it uses} cannot be reached",
		},
		{
			Name: "database-statement", Cause: CauseDatabaseError, Depth: Failure, In: Logs, Words: append([]string{"deadlock", "lock wait", "relation", "column", "duplicate key", "constraint", "table", "read-only transaction", "role", "canceling statement", "could not serialize"}, words...),
			Match: `deadlock (?:detected|found)|Lock wait timeout exceeded|relation [\\"'][^\\"']+[\\"'] does not exist|column [\\"']?[\w.]+[\\"']? does not exist|Unknown (?:column|database|table)|Table [\\"'][^\\"']+[\\"'] doesn't exist|no such table|(?:database|role) [\\"'][^\\"']+[\\"'] does not exist|duplicate key value violates|violates (?:foreign key|unique|check|not-null) constraint|cannot execute \w+ in a read-only transaction|syntax error at or near|canceling statement due to (?:statement|lock) timeout|could not serialize access`,
			Least: 1, Says: "the database rejects or gives up statements",
		},
	}
}
