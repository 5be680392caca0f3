package diagnose

import "github.com/loglode/loglode/pipeline"

// accessRules: denied by file modes, RBAC, credentials.
func accessRules() []Rule {
	return []Rule{
		{
			Name: "rbac-forbidden", Cause: CausePermissionDenied, Depth: Root, In: Logs | Events | Journal, Words: []string{"forbidden", "get resource", "list resource", "watch resource", "create resource", "update resource", "patch resource", "delete resource"},
			Match: `(?:is forbidden: )?User [\\"']*(?P<user>system:serviceaccount:[-a-z0-9:]+|[^\s\\"']+)[\\"']* cannot (?P<verb>\w+) resource [\\"']*(?P<resource>[-\w./]+)|is forbidden: [^\n]*cannot`, Says: "{user|its account} may not {verb|use} {resource|what it asks for}: a Role or RoleBinding is missing",
		},
		{
			Name: "cloud-denied", Cause: CausePermissionDenied, Depth: Root, In: Logs | Events, Words: []string{"not authorized to perform", "accessdenied", "unauthorizedoperation", "permission_denied", "permissiondenied", "invalidclienttokenid", "expiredtoken"},
			Match: `not authorized to perform:? ?(?P<action>[\w:*]+)?|AccessDenied(?:Exception)?|UnauthorizedOperation|PERMISSION_DENIED|code = PermissionDenied|InvalidClientTokenId|ExpiredToken`, Unless: `java\.nio`, Says: "it may not {action|do what it asks for}: a policy or credential is missing or expired",
		},
		{
			Name: "file-denied", Cause: CausePermissionDenied, Depth: Root, In: Logs, Words: []string{"permission denied", "eacces", "read-only file system", "operation not permitted", "erofs", "accessdeniedexception"},
			Match:  `(?:open|mkdir|write|read|unlink|chown|chmod|stat|rename|create|access|scandir)[^\n]{0,20}? [\\"']?(?P<path>/[^\s\\"':]+)[\\"']?[^\n]{0,20}?: (?:permission denied|read-only file system|operation not permitted)|(?:EACCES|EROFS|EPERM): [^\n]*|PermissionError: [^\n]*|(?P<path>/[^\s\\"':]+)[\\"']?:? \(?(?:Permission denied|Read-only file system)|AccessDeniedException: (?P<path>/\S+)|[\"'](?P<path>/[^\s\"']+)[\"'] failed \(13: Permission denied\)|permission denied`,
			Unless: `publickey|for (?:table|relation|schema|database)|exec:? [\"']`, Says: "access to {path|a file} is denied",
		},
		{
			Name: "credentials-refused", Cause: CausePermissionDenied, Depth: Root, In: Logs,
			Words:  []string{"unauthorized", "401", "403", "forbidden", "invalid credentials", "noauth", "wrongpass", "sasl", "invalid api key", "token has expired", "token expired", "jwt expired", "permission denied for"},
			Match:  `NOAUTH Authentication required|WRONGPASS|SASL[^\n]{0,60}(?:failed|error)|invalid (?:api[- ]key|client secret|credentials)|\b40[13] (?:Unauthorized|Forbidden)|(?:status|code|HTTP)[ =:]+40[13]\b|(?:token|jwt) (?:has )?expired|permission denied for (?:table|relation|schema|database)|code = Unauthenticated|UNAUTHENTICATED`,
			Unless: `HTTP/[12]`, // an access log: it refuses those of others
			Least:  5, Says: "its credentials are refused",
		},
		{
			Name: "logins-failed", Cause: CausePermissionDenied, Depth: Failure, In: Logs | Journal, Level: pipeline.LevelInfo,
			Words: []string{"login", "authentication", "invalid password", "invalid username", "failed password", "sign-in", "log in"},
			Match: `(?:login|log[- ]?in|sign[- ]?in|authentication)(?: attempt)?s? (?:has |have )?(?:failed|failure|denied|rejected)|failed (?:login|password|authentication|sign-in)|invalid (?:user ?name or password|password|login|username)|authentication fail(?:ed|ure)|(?:unable|failed) to (?:log ?in|authenticate)`,
			Least: 10, Says: "logins fail again and again",
		},
	}
}
