/**
 * What is asked of a module's design and of its code: intents, parted by empty lines, each in several wordings that ask
 * for the same. `{limit:10|20}` lists what a parameter can be; another value is another question.
 */
export const moduleIntents = `
# design
Design the {module} module of the {service} service. List its data types and its {count:3|4|5|6} public functions.
For the {service} service, design the {module} module: list its data types and its {count} public functions.
Please design the {module} module of the {service} service, with a list of its data types and its {count} public functions.
Which data types and which {count} public functions should the {module} module in {service} have?

Design the {store} tables for {module} in the {service} service, with {keys:numeric|UUID|composite} primary keys.
For {module} in the {service} service, design the {store} tables with {keys} primary keys.
What should the {store} tables for {module} look like in {service}, if we use {keys} primary keys?

Design the caching of {module} reads in {service} so that nothing served is older than {seconds:5|30|60|300} seconds.
In {service}, design the caching of {module} reads so that nothing served is older than {seconds} seconds.
How do we cache reads of {module} in {service} while serving nothing older than {seconds} seconds?

Design how {module} handles two writers at once in {service}, using {locking:optimistic|pessimistic} locking.
Using {locking} locking, design how {module} handles two writers at once in {service}.
Two clients may write {module} data in {service} at once: sketch a design that uses {locking} locking.

Design the pagination of {module} lists in {service}: {style:cursor|offset} based, {limit:20|25|50|100} items a page.
Design {style} based pagination of the {module} lists in {service}, with {limit} items a page.
Lists of {module} in {service} need {style} pagination at {limit} per page; how should it be designed?

Design the events that {module} in {service} publishes, delivered {guarantee:at least once|at most once|exactly once}.
Design the events that are published by {module} in {service} and delivered {guarantee}.
Propose the events {module} should emit in {service}, given that each is delivered {guarantee}.

Design the deletion of {module} records in {service} as a {deletion:soft|hard} delete.
Design a {deletion} delete for the records of {module} in {service}.
How should {service} remove {module} records if we settle on a {deletion} delete?

Design who may change {module} data in {service}: {role:support staff|account owners|administrators} only.
For {service}, design who may change the {module} data: {role} only.
We let only {role} modify {module} data in {service}; design the permission checks.

Design the audit trail for {module} in {service}, kept for {months:3|6|12|24} months.
Design an audit trail that is kept for {months} months, for {module} in {service}.
What would an audit trail of {module} in {service} with a retention of {months} months look like?

Design the import of {module} data into {service} from {format:CSV|JSON|XML|Excel} files.
For {service}, design the import of {module} data from {format} files.
Outline how {format} files of {module} data get into {service}.

Design the search over {module} in {service}, {matching:by prefix only|with typo tolerance|by exact words only}.
Design how one searches {module} in {service}, {matching}.
How would you let users find {module} entries in {service}, {matching}?

Design the validation of {module} input in {service}; unknown fields are {unknown:rejected|ignored|kept}.
In {service}, design how {module} input is validated; unknown fields are {unknown}.
Sketch input validation for {module} ({service} service), where unknown fields are {unknown}.

Design the states of a {module} record in {service} and the transitions between them; a closed one {again:can|cannot} be reopened.
Design the states of a {module} record in {service}, and the transitions between these; a closed one {again} be reopened.
Draw up a state machine for {module} records of {service} in which a closed record {again} be reopened.

Design how {module} in {service} rounds amounts: {rounding:half up|half even|always down} to {digits:2|3|4} digits.
Design the rounding of amounts by {module} in {service}: {rounding} to {digits} digits.
In {service}, {module} amounts are rounded {rounding} to {digits} digits; design where this happens.

Design the retry policy of {module} calls in {service}: {attempts:2|3|5|8} attempts, {backoff:linear|exponential|constant} backoff.
Design a policy for retrying {module} calls in {service}, with {attempts} attempts and {backoff} backoff.
When a {module} call fails in {service} we try {attempts} times with {backoff} backoff; design this policy.

Design rate limits for {module} in {service}: {limit:10|60|100|600} requests per {unit:second|minute|hour} and client.
Design the rate limits of {module} in {service}, at {limit} requests per {unit} and client.
Each client may send {module} in {service} {limit} requests a {unit}. How do we design that limit?

Design the notifications that {module} in {service} sends by {channel:email|SMS|webhook|push message}.
For {module} in {service}, design the notifications that are sent by {channel}.
What does {module} in {service} tell its users by {channel}, and when? Give a design.

Design how {module} in {service} stores times: {zone:in UTC|in local time|with an offset}.
Design how times are stored by {module} in {service}: {zone}.
Times in {module} ({service}) are to be stored {zone}; describe the design.

Design the batch job that cleans up {module} data in {service}, run {period:hourly|daily|weekly|monthly}.
Design a batch job which cleans up the {module} data in {service} and is run {period}.
Stale {module} data of {service} has to go {period}: design the job for it.

Design the public interface of {module} in {service} as {interface:REST|GraphQL|gRPC}.
As {interface}, design the public interface of {module} in {service}.
Which {interface} operations should {service} offer for {module}?

Design the error codes of {module} in {service}, {most:8|12|16|20} at most.
Design at most {most} error codes for {module} in {service}.
Give {module} in {service} a set of error codes; no more than {most}.

Design how {module} in {service} loads its settings: from {source:environment variables|a YAML file|a settings table}.
Design how the settings of {module} in {service} are loaded from {source}.
{module} in {service} reads its settings from {source}. How should that be designed?

Design the archive of old {module} records in {service}, after {years:1|2|5|7|10} years, {where:in cold storage|in a second schema}.
Design how old {module} records of {service} are archived after {years} years, {where}.
After {years} years {service} moves {module} records away, {where}; design this archive.

Design the versioning of {module} documents in {service}; the {which:first|latest} version is shown by default.
For {module} documents in {service}, design the versioning; the {which} version is shown by default.
How are {module} documents of {service} versioned, if readers see the {which} version by default?

Design the calculation of {module} totals in {service} on {basis:gross|net} amounts.
On {basis} amounts, design the calculation of {module} totals in {service}.
How does {service} get its {module} totals out of {basis} amounts?

Design how {module} in {service} is split for {tenancy:one tenant per schema|one tenant per row|one tenant per database}.
Design the split of {module} in {service} for {tenancy}.
{service} serves many tenants. Design {module} for {tenancy}.

Design idempotency for {module} writes in {service}; keys are remembered for {hours:1|6|24|48|72} hours.
Design the idempotency of {module} writes in {service}, with keys that are remembered for {hours} hours.
A {module} write to {service} may be sent twice. Design idempotency keys that last {hours} hours.

Design the health checks of {module} in {service}: {depth:shallow|deep} ones, every {seconds:5|10|30|60} seconds.
Design {depth} health checks of {module} in {service}, every {seconds} seconds.
How do we find out every {seconds} seconds, by a {depth} check, that {module} in {service} is well?

# code
Write the {module} module of the {service} service in {language} as it was designed. Keep each function under {lines:20|30|40|60} lines.
In {language}, write the {module} module of the {service} service as it was designed. Keep every function under {lines} lines.
Please write the {module} module of the {service} service in {language} as designed, and keep each function under {lines} lines.
Implement the design of {module} ({service}) in {language} with no function longer than {lines} lines.

Write the repository class of {module} in {service} in {language}, with {style:prepared statements|a query builder|stored procedures}.
In {language}, write the repository class of {module} in {service} with {style}.
Turn the design into a {language} repository class for {module} of {service} that uses {style}.

Write the {language} function of {module} in {service} that validates input and {reports:stops at the first error|collects all errors}.
Write the function of {module} in {service}, in {language}, that validates input and {reports}.
Code the {module} input validation of {service} in {language}: it {reports}.

Write the {interface:REST|GraphQL|gRPC} handlers of {module} in {service} in {language}.
In {language}, write the {interface} handlers of {module} in {service}.
Give me {language} code for the {interface} handlers that {module} in {service} needs.

Write the {language} code by which {module} in {service} retries failed calls, {attempts:2|3|4|6} times at most.
Write the code in {language} by which {module} in {service} retries failed calls at most {attempts} times.
Failed calls of {module} in {service} should be retried up to {attempts} times; write that in {language}.

Write the {store} migration that creates the tables of {module} in {service}; it {reversible:can|cannot} be rolled back.
Write the migration in {store} that creates the tables of {module} in {service}; it {reversible} be rolled back.
Create {module} tables for {service}: a {store} migration that {reversible} be rolled back.

Write the {language} function that computes the {module} total in {service}, with tax {tax:included|excluded}.
Write the function in {language} which computes the {module} total in {service}, tax {tax}.
Compute the total of {module} for {service} in {language}; tax is {tax}.

Write the {language} event handler of {module} in {service}; duplicates are {duplicates:dropped|merged|logged}.
In {language}, write the event handler of {module} in {service}; duplicates are {duplicates}.
How does the {language} code look that handles {module} events in {service}, where duplicates are {duplicates}?

Write the {language} code that exports {module} records of {service} as {format:CSV|JSON|PDF|XML}, {order:oldest|newest} first.
Write the code in {language} that exports the {module} records of {service} as {format}, {order} first.
{service} exports {module} records as {format}, with the {order} on top. Write it in {language}.

Write the {language} cache in front of {module} in {service}, evicting the {victim:least recently used|least frequently used|oldest} entry.
In {language}, write the cache in front of {module} in {service}, which evicts the {victim} entry.
Put a cache before {module} of {service}, in {language}; the {victim} entry is the one to go.

Write the {language} function of {module} in {service} that parses amounts with a decimal {sign:comma|point}.
Write the function of {module} in {service}, in {language}, that parses amounts with a decimal {sign}.
Amounts come with a decimal {sign}: parse them for {module} in {service}, in {language}.

Write the {language} scheduler of {module} jobs in {service}; a missed run is {missed:skipped|made up for}.
In {language}, write the scheduler of {module} jobs in {service}; a missed run is {missed}.
Code a {language} scheduler for the {module} jobs of {service} by which a missed run is {missed}.

Write the {language} client of {module} in {service} for other teams; it waits {seconds:1|2|5|10|15} seconds at most for an answer.
Write the client of {module} in {service} for other teams, in {language}; it waits at most {seconds} seconds for an answer.
Other teams call {module} in {service}: write their {language} client with a timeout of {seconds} seconds.

Write the {language} permission check of {module} in {service}; without a role a user may {may:read|read nothing}.
In {language}, write the permission check of {module} in {service}; a user without a role may {may}.
Check permissions for {module} of {service} in {language}. Whoever has no role may {may}.

Write the {language} code of {module} in {service} that signs messages with {algorithm:HMAC|RSA|Ed25519}.
In {language}, write the code of {module} in {service} that signs its messages with {algorithm}.
Messages of {module} from {service} need {algorithm} signatures; give me the {language} code.

Write the {language} state machine of {module} in {service}; an illegal transition {illegal:throws an error|is ignored|is logged}.
Write the state machine of {module} in {service} in {language}; an illegal transition {illegal}.
Implement {module} states for {service} in {language} such that an illegal transition {illegal}.

Write the {language} code of {module} in {service} that converts {from:EUR|USD|GBP|CHF} amounts for display.
In {language}, write the code of {module} in {service} that converts amounts in {from} for display.
Show {from} amounts in {module} of {service}: write the conversion in {language}.

Write the {language} queue worker of {module} in {service} with {workers:2|4|8|16} parallel workers.
In {language}, write the queue worker of {module} in {service} with {workers} workers in parallel.
{module} in {service} works its queue off by {workers} workers in parallel; write that in {language}.

Write the {language} logging of {module} in {service}; personal data is {personal:masked|hashed|left out}.
Write the logging of {module} in {service} in {language}; personal data is {personal}.
How do I log in {module} of {service}, in {language}, if personal data is {personal}?

Write the {language} code by which {module} in {service} compares dates, the last day being {bound:inclusive|exclusive}.
Write the code in {language} by which {module} in {service} compares dates; the last day is {bound}.
Compare dates in {module} of {service}, in {language}, where the last day is {bound}.

Write the {language} bulk update of {module} in {service}, in chunks of {chunk:100|200|500|1000}, {atomic:all or nothing|keeping what succeeds}.
In {language}, write the bulk update of {module} in {service} in chunks of {chunk}, {atomic}.
Update {module} records of {service} in bulk: {language}, {chunk} at a time, {atomic}.

Write the {language} metrics of {module} in {service}: count calls and {what:measure latency|measure payload size|count retries}.
In {language}, write the metrics of {module} in {service}: count the calls and {what}.
Add {language} metrics to {module} in {service} that count calls and {what}.

Write the {language} pagination helper of {module} in {service}; the first page is number {first:0|1}.
Write the helper for pagination of {module} in {service} in {language}; the first page is number {first}.
A {language} pagination helper for {module} of {service}, please, counting pages from {first}.

Write the {language} feature flag of {module} in {service}, {default:on|off} by default.
In {language}, write the feature flag of {module} in {service}, which is {default} by default.
Hide {module} of {service} behind a {language} feature flag that is {default} by default.
`
