package question

// Words of questions that name nothing by themselves. They are looked at in lower
// case.

// asking are the words that hold a question together. They end a name.
var asking = wordSet("a an the this that these those my our your his her its their some any every each all both no none other another same such " +
	"i you he she it we they me us them one ones somebody someone something anything everything nothing " +
	"is are was were be been being am isn't aren't wasn't weren't do does did don't doesn't didn't done doing has have had haven't hasn't having " +
	"can cannot can't could couldn't will won't would wouldn't shall should shouldn't may might must need needs let lets let's " +
	"why what what's whats which who whose whom when where how whether if because since until while then than so as at by for from in into " +
	"inside within of off on onto out over under up upon down to toward towards with without via per about above across after again against " +
	"along among around before behind below beneath beside between beyond during except like near outside through throughout and or but nor not " +
	"yet also too very just only even ever never always often still already now currently recently lately once twice here there " +
	"please tell show give get find look looking check see list post print display describe explain help know think say says said want wants " +
	"happen happens happened happening going go goes went come comes came cause causes caused causing make makes made keep keeps kept take takes took " +
	"last latest newest recent recently first previous past next new old current today yesterday tomorrow morning afternoon evening night " +
	"second seconds minute minutes hour hours day days week weeks month months ago time times date " +
	"contain contains containing contained include includes including hold holds has match matches matching named called regarding concerning related " +
	"much many more most few fewer less least lot lots several different exactly possible possibly probably maybe really actually suddenly " +
	"thanks thank hi hello hey ok okay yes yeah e.g i.e etc vs null true false undefined")

// trouble are the words for what goes wrong, or right: nobody calls a program so.
// They end a name.
var trouble = wordSet("wrong problem problems issue issues error errors erroneous fail fails failed failing failure failures fault faults faulty " +
	"crash crashes crashed crashing crashloop crashloopbackoff crash-looping broken break breaks breaking broke bad badly sick ill " +
	"healthy unhealthy health fine well good alright right stable unstable alive dead die dies died dying kill kills killed killing " +
	"running run runs work works worked working start starts started starting startup stop stops stopped stopping restart restarts restarted restarting " +
	"pending stuck hang hangs hanging hung frozen slow slower slowly slowness lagging late stalled idle timeout timeouts timed timing " +
	"down unavailable unreachable inaccessible available reachable ready unready notready missing lost absent refused refuse refuses denied " +
	"rejected reject rejects evicted evict evicts evicting throttled throttling oom oomkilled oomkill leak leaks leaking exhausted exceeded exceeding full empty " +
	"pull pulling pulled mount mounting mounted scheduled scheduling unschedulable " +
	"exit exits exited exiting exception exceptions panic panics panicking incident incidents outage outages warning warnings " +
	"deploy deployed deploying rollout rolled scaled scale scaling respond responds responding response responses connects connecting " +
	"connected reach reaching unable able behaving behave misbehaving degraded affected impacted firing fired triggered triggers " +
	"return returns returned returning throw throws throwing thrown reporting reported complaining complain complains " +
	"fix solve resolve debug investigate diagnose troubleshoot analyze analyse summarize summarise repeatedly constantly continuously intermittently")

// generic are nouns for what every cluster has. They may be part of a name.
var generic = wordSet("cluster clusters kubernetes k8s kube system systems environment platform infrastructure pod pods container containers node nodes " +
	"service services svc app apps application applications microservice microservices workload workloads component components resource resources " +
	"deployment deployments statefulset statefulsets daemonset daemonsets replicaset replicasets replica replicas job jobs cronjob cronjobs " +
	"namespace namespaces ns object objects thing things stuff name names kind type types subject status state states condition conditions " +
	"log logs line lines entry entries event events message messages output trace traces stack history detail details info information data " +
	"alert alerts alertname severity critical page label labels annotation annotations description summary runbook fingerprint source " +
	"reason reasons root answer answers question questions situation behavior behaviour way place places part parts side end " +
	"instance instances process processes program programs server servers host hosts user users customer customers client clients team " +
	"default normal usual unusual strange weird odd important main whole entire overall general specific certain " +
	"number numbers count counts value values result results list")

// vague are the words of trouble that say no more than that there is some.
var vague = wordSet("wrong problem problems issue issues error errors fail fails failed failing failure failures fault faults faulty broken break breaks " +
	"breaking broke bad badly sick ill healthy unhealthy health fine well good alright right stable unstable running run runs work works worked working " +
	"start starts started starting stop stops stopped stopping down unavailable available incident incidents outage outages warning warnings behaving behave misbehaving degraded affected impacted " +
	"firing fired trigger triggered triggers report reports reporting reported complaining complain complains " +
	"fix solve resolve debug investigate diagnose troubleshoot analyze analyse summarize summarise repeatedly constantly continuously intermittently")

// hyphenated are words of the language that look like names.
var hyphenated = wordSet("out-of-memory back-off read-only read-write time-out time-outs timed-out re-start re-starts end-to-end up-to-date follow-up " +
	"long-running short-lived so-called non-zero on-call first-time real-time run-time built-in roll-out roll-back fail-over start-up shut-down " +
	"root-cause crash-loop crash-looping crash-loops out-of-disk not-ready in-memory well-known add-on plug-in e-mail log-in sign-in x-ray high-level " +
	"low-level two-phase split-brain self-signed man-in-the-middle key-value open-source post-mortem day-to-day step-by-step pre-existing")

// introductions stand before what a sentence is about.
var introductions = wordSet("with of about is are was were does do did has have had why the for regarding concerning my our and")

// placing stand before the name of a place.
var placing = wordSet("in inside within from on at under")
