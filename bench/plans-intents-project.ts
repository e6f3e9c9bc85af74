/** What is asked of a service as a whole, and of all services alike. The form is that of the modules' intents. */
export const projectIntents = `
# outline
Outline the {service} service: its purpose, its {count:5|6|7} main concepts and how they depend on each other.
Outline the {service} service with its purpose, its {count} main concepts and how these depend on each other.
Please give an outline of {service}: what it is for, its {count} main concepts and their dependencies.

Outline the data flow of {service} from the first request to the {end:nightly report|monthly statement|archive}.
For {service}, outline the data flow from the first request to the {end}.
How do data flow through {service}, from the first request to the {end}?

Outline the architecture of {service} as {shape:a modular monolith|small services|functions on demand}.
As {shape}, outline the architecture of {service}.
Sketch the architecture of {service} if it is built as {shape}.

Outline the quality goals of {service}, with {most:availability|consistency|latency|cost} as the first.
Outline the goals of quality of {service}; {most} comes first.
What are the quality goals of {service} when {most} comes before all others?

Outline the roll-out of {service} in {phases:2|3|4} phases.
In {phases} phases, outline the roll-out of {service}.
How do we roll {service} out in {phases} phases?

Outline the risks of {service} and rank the {count:4|5|8|10} greatest by {by:probability|damage}.
Outline the risks of {service}, and rank the greatest {count} by {by}.
Which {count} risks of {service} rank highest by {by}?

# operations
Write the Dockerfile of {service} for {language} on {base:Debian|Alpine|Ubuntu}.
For {language} on {base}, write the Dockerfile of {service}.
Give me a Dockerfile for {service}, which is written in {language}, based on {base}.

Write the pipeline that builds {service} on {host:GitHub Actions|GitLab CI|Jenkins} at each {event:push|merge|tag}.
On {host}, write the pipeline that builds {service} at each {event}.
Each {event} should build {service} on {host}: write the pipeline.

Write the alert rule for {service} that fires when more than {percent:1|2|5|10} percent of requests fail.
Write the rule for the alert that fires when more than {percent} percent of the requests to {service} fail.
Alert us as soon as over {percent} percent of {service} requests fail; write the rule.

Write the Kubernetes manifest of {service} with {replicas:2|3|5} replicas and {memory:256|512|1024} MB of memory each.
Write a Kubernetes manifest for {service}, with {replicas} replicas of {memory} MB of memory each.
Run {service} on Kubernetes, {replicas} times, with {memory} MB apiece: write the manifest.

Write the backup script of the {service} database in {store}, run every {hours:4|6|12|24} hours.
Write a script that backs the {store} database of {service} up every {hours} hours.
Every {hours} hours the {store} data of {service} must be backed up; write the script.

Write the nginx configuration in front of {service}, with a body limit of {size:1|5|10|50} MB.
Write the configuration of nginx in front of {service} with a limit of {size} MB for bodies.
Put nginx before {service} and let no body over {size} MB through: write the configuration.

Write the log retention policy of {service}: {days:7|14|30|90} days {place:on disk|in object storage}.
Write the policy for log retention of {service}, {days} days {place}.
How does {service} keep its logs for {days} days {place}? Write the policy.

Write the dashboard definition of {service} with panels for {what:latency|throughput|errors|queue length}.
Write the definition of a dashboard of {service} with panels for {what}.
Which panels should show the {what} of {service}? Write the dashboard definition.

Write the .gitignore file of {service} for a {language} project.
Write the file .gitignore for {service}, a project in {language}.
What belongs in .gitignore of the {language} project {service}?

Write the environment file of {service} for {stage:development|staging|production}.
For {stage}, write the environment file of {service}.
Which variables does {service} need in {stage}? Write the environment file.

Write the scaling rule of {service}: up at {percent:60|70|80|90} percent of CPU, {down:down slowly|down quickly}.
Write a rule for scaling {service} up at {percent} percent of CPU, and {down}.
Scale {service} by CPU: up from {percent} percent, {down}. Write the rule.

Write the secret rotation script of {service}, run every {days:30|60|90|180} days.
Write a script for rotating the secrets of {service}, run every {days} days.
Secrets of {service} are rotated every {days} days; write the script for it.

Write the smoke test that is run {when:before|after} each deployment of {service}.
Write the smoke test of {service} which is run {when} each deployment.
A smoke test of {service} runs {when} each deployment. Write it.

Write the script that seeds the {stage:development|staging|demo} database of {service} with {rows:50|100|500|1000} records.
Write the script which seeds the {service} database for {stage} with {rows} records.
Fill the {stage} database of {service} with {rows} records by a script.

Write the rollback procedure of {service} for a {kind:failed migration|bad release|lost region}.
Write the procedure for a rollback of {service} after a {kind}.
How is {service} rolled back after a {kind}? Write the procedure.

Write the TLS settings of {service}; clients {must:must|need not} present a certificate.
Write the settings for TLS of {service}; clients {must} present a certificate.
Configure TLS for {service} so that clients {must} present a certificate.

Write the service level objective of {service}: {nines:99|99.5|99.9|99.95} percent over {window:a week|a month|a quarter}.
Write an objective for the service level of {service}, {nines} percent over {window}.
{service} promises {nines} percent availability over {window}; write the objective down.

Write the deprecation notice for version {old:1|2|3} of {service}, to end in {months:3|6|12|18} months.
Write a notice on the deprecation of version {old} of {service}, which ends in {months} months.
Tell users that version {old} of {service} goes away in {months} months.

Write the configuration that {turn:enables|disables} compression for {service}.
Write a configuration which {turn} compression for {service}.
What configuration {turn} compression in {service}?

Write the message queue settings of {service} for {broker:RabbitMQ|Kafka|NATS}, with {retention:1|3|7} days of retention.
Write the settings of the {broker} message queue of {service}, with {retention} days of retention.
Set {broker} up for {service} so that messages stay for {retention} days.

Write the cron entry by which {service} sends its {report:sales|tax|inventory|audit} report, {time:every morning|every evening|every Monday|every Friday}.
Write the entry for cron by which {service} sends its {report} report {time}.
{service} is to send a {report} report {time}: write the cron entry.

Write the {language} linter configuration of {service} with a line length of {columns:80|100|120}.
Write the configuration of the {language} linter of {service}, with lines of {columns} columns at most.
Lint {service} ({language}) at {columns} columns; write the configuration.

Write the data model diagram of {service} in {tool:Mermaid|PlantUML|DBML}, {detail:with|without} its columns.
In {tool}, write the diagram of the data model of {service} {detail} its columns.
Draw the data model of {service} in {tool}, {detail} columns.

Write the onboarding page of {service} for a new {who:developer|tester|operator}, to be read in {minutes:5|10|15|30} minutes.
Write a page for the onboarding of a new {who} on {service} that is read in {minutes} minutes.
A new {who} joins {service}: what should they read in their first {minutes} minutes? Write the page.

Write the cost estimate of {service} for {users:100|1000|5000|20000} users on {cloud:AWS|Azure|Google Cloud}.
Write an estimate of what {service} costs on {cloud} for {users} users.
What does {service} cost with {users} users on {cloud}? Write an estimate.

Write the CORS rules of {service}; requests with cookies are {cookies:allowed|refused}.
Write the rules of {service} for CORS; requests with cookies are {cookies}.
Which CORS rules does {service} need, if requests with cookies are {cookies}?

# shared
State the naming conventions for {language} code in all services, with {case:camel case|snake case} for variables.
For {language} code in all services, state the naming conventions, with {case} for variables.
What are the naming conventions for {language} in our services, given {case} variables?

State the commit message convention for all services, with a subject of at most {columns:50|60|72} characters.
State the convention for commit messages in all services; the subject has at most {columns} characters.
How do we write commit messages whose subject stays within {columns} characters?

State how all services format dates: {format:ISO 8601|Unix seconds|RFC 2822}.
State how dates are formatted by all services: {format}.
Describe how our services write dates in {format}.

State the licence header for source files, under {licence:Apache 2.0|MIT|MPL 2.0}.
State the header of source files for the licence {licence}.
What header do source files carry under {licence}?

State the code review checklist for all services in {count:6|8|10|12} points.
State the checklist for code reviews of all services in {count} points.
Give our reviewers a checklist of {count} points.

State the branching rules of all repositories for {model:trunk based development|release branches}.
State the rules for branching in all repositories, for {model}.
How do we branch in our repositories with {model}?

State the common error format of all services as {format:problem JSON|a plain message|an error envelope}.
State the error format that all services have in common, as {format}.
Which fields does our error format have if it is {format}?

State the rules for money in all services: amounts are {kind:integers of cents|decimal strings}.
State the rules for money that hold in all services; amounts are {kind}.
Amounts of money are {kind} in our services: state the rules.

State which HTTP status codes all services use for {case:validation errors|missing records|conflicts|throttling}.
State which status codes of HTTP all services use for {case}.
Which HTTP status codes do we answer {case} with?

State the rules for feature flags in all services; a flag lives {weeks:4|8|12|26} weeks at most.
State the rules for flags of features in all services: a flag lives at most {weeks} weeks.
Feature flags may live {weeks} weeks. What other rules hold for them?

State the rules on personal data in all services under {law:GDPR|CCPA|the Swiss law}.
Under {law}, state the rules on personal data in all services.
What does {law} demand of our services as to personal data?

State the rules for versions of all interfaces: the version stands {place:in the path|in a header}.
State the rules for interface versions of all services; the version stands {place}.
Our interfaces have their version {place}. State the rules.

State the accepted dependencies of {language} services; those under {banned:GPL|AGPL|SSPL} are banned.
State which dependencies of {language} services are accepted; those under {banned} are banned.
Which dependencies may {language} services have, if {banned} is banned?

State the test coverage that all services need: {percent:70|75|80|90} percent of {of:lines|branches}.
State the coverage by tests that all services need, {percent} percent of {of}.
How do we reach {percent} percent coverage of {of} in all services?

State the rules for log levels in all services; {level:debug|trace} is off in production.
State the rules for levels of logs in all services; in production {level} is off.
Which log levels do we have, if {level} is off in production?

State the rules for retries between services: a client {may:may|must not} retry writes.
State the rules for retries between the services; a client {may} retry writes.
A client {may} retry writes to another service. What else holds for retries?

# summary
Summarise the reviews of {service} in {count:5|6|8|10} points for the {reader:team|management|customer}.
Summarise, for the {reader}, the reviews of {service} in {count} points.
For the {reader}, put the reviews of {service} into {count} points.

Write the release notes of {service} from the reviews, {tone:short|detailed}, for {reader:developers|users}.
From the reviews, write {tone} release notes of {service} for {reader}.
Turn the reviews into {tone} release notes of {service} for {reader}.

List the {count:3|4|5|9} most urgent tasks for {service} that follow from the reviews.
List the most urgent {count} tasks for {service} which follow from the reviews.
Which {count} tasks for {service} are most urgent after the reviews?

Estimate the work left on {service} after the reviews in {unit:hours|days|story points}.
In {unit}, estimate the work that is left on {service} after the reviews.
How many {unit} of work are left on {service}, going by the reviews?

Decide from the reviews whether {service} may be released {when:this week|this month|before the holidays}.
From the reviews, decide whether {service} may be released {when}.
May {service} be released {when}? Decide by the reviews.

Name the {count:2|3|4|6} reviews of {service} that {should:should|need not} be repeated.
Name {count} reviews of {service} which {should} be repeated.
Which {count} reviews of {service} {should} be repeated?

Write the agenda of the {service} planning meeting from the reviews, {minutes:30|45|60|90} minutes long.
From the reviews, write the agenda of a {service} planning meeting that takes {minutes} minutes.
Plan a meeting on {service} of {minutes} minutes: what of the reviews is on the agenda?
`
