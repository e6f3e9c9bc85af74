/** What is asked about a module's code: tests, reviews and documents. The form is that of the modules' intents. */
export const checkIntents = `
# tests
Write {count:5|8|10|12} unit tests in {language} for the {module} code of {service}, {focus:with|without} mocks.
In {language}, write {count} unit tests for the {module} code of {service} {focus} mocks.
Please write {count} unit tests for the {module} code of {service} in {language}, {focus} mocks.
Cover {module} of {service} by {count} {language} unit tests {focus} mocks.

Write property tests in {language} for {module} of {service} with {runs:100|200|500|1000} runs each.
In {language}, write property tests for {module} of {service}, each with {runs} runs.
Which properties hold for {module} in {service}? Write {language} property tests of {runs} runs each.

Write integration tests in {language} for {module} of {service} against {against:a real database|an in-memory database}.
In {language}, write integration tests for {module} of {service} against {against}.
Test {module} of {service} together with {against}, in {language}.

Write {language} tests of what {module} in {service} does when {trouble:the disk is full|the network is gone|the clock jumps|the store is slow}.
Write tests in {language} of what {module} in {service} does when {trouble}.
What becomes of {module} in {service} when {trouble}? Write {language} tests for that.

Write {language} tests for the boundary values of {module} in {service}, from {low:0|1} to {high:99|100|999|1000}.
Write tests in {language} for the boundary values of {module} in {service}, from {low} up to {high}.
Boundary values of {module} in {service} lie between {low} and {high}; test them in {language}.

Write {language} tests that {module} in {service} {does:accepts|rejects} empty input.
In {language}, write tests that {module} in {service} {does} empty input.
Make sure by {language} tests that empty input is something {module} in {service} {does}.

Write a load test for {module} of {service} at {rate:50|100|200|500} requests per second for {minutes:1|5|10|15} minutes.
Write a load test of {module} in {service}: {rate} requests per second for {minutes} minutes.
Put {module} of {service} under a load of {rate} requests per second over {minutes} minutes: write the test.

Write {language} tests for the permissions of {module} in {service} as {role:a guest|a support agent|an administrator|an auditor}.
In {language}, write tests for the permissions of {module} in {service} as {role}.
What may {role} do in {module} of {service}? Write the {language} tests.

Write {language} tests for two concurrent writes to {module} in {service}; the {wins:first|last} one wins.
Write tests in {language} for two concurrent writes to {module} in {service}, of which the {wins} one wins.
Of two writes to {module} in {service} at the same time the {wins} wins; prove it by {language} tests.

Write {language} test data builders for {module} in {service}, with {values:random|fixed} values.
In {language}, write test data builders for {module} in {service} with {values} values.
Build test data for {module} of {service}, in {language}, from {values} values.

Write contract tests in {language} for {module} of {service} from the {side:consumer|provider} side.
In {language}, write contract tests for {module} of {service} from the side of the {side}.
Pin down what {module} of {service} promises by {language} contract tests on the {side} side.

Write {language} regression tests for the {count:2|3|4} bugs most likely in {module} of {service}.
In {language}, write regression tests for the {count} most likely bugs in {module} of {service}.
Guess {count} bugs that {module} of {service} may have, and write {language} tests for them.

Write {language} snapshot tests of the {format:JSON|XML|HTML} that {module} in {service} puts out.
In {language}, write snapshot tests of the {format} which {module} in {service} puts out.
Test the {format} output of {module} in {service} by {language} snapshots.

Write {language} tests that {module} in {service} {sends:sends|does not send} a notification after a failure.
In {language}, write tests that {module} in {service} {sends} a notification after a failure.
After a failure {module} in {service} {sends} a notification: check it by {language} tests.

Write {language} tests for {module} in {service} around {day:the end of the month|leap days|daylight saving changes|new year}.
Write tests in {language} for {module} in {service} around {day}.
Dates around {day} are tricky for {module} in {service}; write {language} tests.

Write {language} tests of the {module} timeouts in {service} with a {clock:fake|real} clock.
With a {clock} clock, write {language} tests of the {module} timeouts in {service}.
Timeouts of {module} in {service}: test them in {language} by a {clock} clock.

Write {language} tests that a {module} record of {service} {can:can|cannot} be changed after it was closed.
In {language}, write tests that a {module} record of {service} {can} be changed after it was closed.
Show by {language} tests that closed {module} records of {service} {can} still be changed.

Write mutation tests in {language} for {module} of {service}; {share:70|80|85|90} percent of the mutants must be killed.
In {language}, write mutation tests for {module} of {service}; {share} percent of the mutants must be killed.
Set up {language} mutation testing of {module} in {service} with at least {share} percent killed.

# review
Review the {module} code of {service} and its tests for {aspect:security|performance|readability|correctness}. Name the {count:3|5|7} worst findings.
Review the {module} code of {service} and its tests for {aspect}, and name the {count} worst findings.
For {aspect}, review the {module} code of {service} and its tests. Name the worst {count} findings.
Which {count} problems of {aspect} are the worst in the code and tests of {module} in {service}?

Review whether the {module} code of {service} follows its design. Answer with {form:a table|a list|one paragraph}.
Review whether the {module} code of {service} follows its design, and answer with {form}.
Does the code of {module} in {service} do what was designed? Reply in {form}.

Review the names in the {module} code of {service} and propose {count:3|4|6|8} better ones.
Review the names in the {module} code of {service}, and propose {count} that are better.
Find {count} names in {module} of {service} that deserve a better one.

Review the error handling of {module} in {service}: are errors {question:logged twice|swallowed|wrapped with a cause}?
Review the error handling of {module} in {service}. Are errors {question}?
Look at {module} in {service}: are any errors {question}?

Review the {module} code of {service} for {hazard:race conditions|memory leaks|injection|integer overflow}.
For {hazard}, review the {module} code of {service}.
Could there be {hazard} in the code of {module} ({service})? Review it.

Review the tests of {module} in {service}: which {count:2|3|4|5} cases are missing?
Review the tests of {module} in {service}. Which {count} cases are missing?
Name {count} cases that nobody tests in {module} of {service}.

Review the {module} code of {service} as {reviewer:a junior developer|a database administrator|a security auditor|an operator} would.
Review the code of {module} in {service} as {reviewer} would do.
What would {reviewer} say about the code of {module} in {service}?

Review the complexity of {module} in {service}; flag each function above {limit:5|8|10|15}.
Review the complexity of {module} in {service}, and flag each function that is above {limit}.
Flag the functions of {module} in {service} with a complexity of more than {limit}.

Review the {module} code of {service} and rate it from 1 to {scale:5|10|100}.
Review the code of {module} in {service}, and rate it from 1 to {scale}.
On a scale of 1 to {scale}, how good is {module} in {service}?

Review whether {module} in {service} {may:may|must not} be called before the setup has finished.
Review if {module} in {service} {may} be called before the setup has finished.
Look through {module} in {service}: does it hold that it {may} be called before setup is done?

Review the dependencies of {module} in {service}; list those that are {which:outdated|unused|duplicated}.
Review the dependencies of {module} in {service}, and list the ones that are {which}.
Which dependencies of {module} in {service} are {which}?

Review the queries of {module} in {service} against {rows:10 thousand|1 million|50 million} rows.
Review the queries of {module} in {service}, run against {rows} rows.
With {rows} rows in the table, which queries of {module} in {service} get slow?

Review the accessibility of what {module} in {service} shows, at level {level:A|AA|AAA}.
At level {level}, review the accessibility of what {module} in {service} shows.
Does what {module} in {service} shows meet accessibility level {level}?

Review the logs that {module} in {service} writes: is there too {much:much|little} in them?
Review the logs which {module} in {service} writes: is there too {much} in them?
Do the logs of {module} in {service} say too {much}?

# docs
Write the {audience:developer|operator|customer} documentation of {module} in {service}, {words:150|200|300|400} words at most.
Write documentation of {module} in {service} for the {audience}, at most {words} words.
For the {audience}, write the documentation of {module} in {service} in {words} words at most.
Explain {module} of {service} to the {audience} within {words} words.

Write a tutorial on {module} in {service} in {steps:4|5|6|8} steps.
In {steps} steps, write a tutorial on {module} in {service}.
Teach {module} of {service} to a beginner in {steps} steps.

Write the reference of the public functions of {module} in {service} in {format:Markdown|reStructuredText|AsciiDoc}.
In {format}, write the reference of the public functions of {module} in {service}.
Document the public functions of {module} in {service} as {format}.

Write the {language} usage example of {module} in {service} that shows {case:the simplest case|an error being handled|a bulk operation}.
Write a usage example of {module} in {service}, in {language}, that shows {case}.
Show {case} with {module} of {service} by an example in {language}.

Write the troubleshooting guide of {module} in {service} for the {count:4|6|9|10} most frequent problems.
Write a troubleshooting guide for the {count} most frequent problems of {module} in {service}.
What goes wrong most with {module} in {service}? Write a guide to the top {count}.

Write a glossary of {terms:8|10|15|20} terms for {module} in {service}, in {language2:English|German|French|Spanish}.
In {language2}, write a glossary of {terms} terms for {module} in {service}.
Collect {terms} terms of {module} in {service} in a {language2} glossary.

Write the sequence diagram of {module} in {service} for {flow:the happy path|a timeout|a cancellation} in {tool:Mermaid|PlantUML}.
In {tool}, write the sequence diagram of {module} in {service} for {flow}.
Draw {flow} of {module} in {service} as a {tool} sequence diagram.

Write the privacy note on {module} in {service}: what is kept, for {days:30|60|90|180} days.
Write a privacy note on {module} in {service}, saying what is kept for {days} days.
What data does {module} of {service} keep for {days} days? Write the privacy note.

Write the runbook for an outage of {module} in {service}, for the {shift:day|night} shift.
Write a runbook for the {shift} shift on an outage of {module} in {service}.
{module} in {service} is down: what does the {shift} shift do? Write the runbook.

Write the migration guide from version {old:1|2|3} of {module} in {service} to the next.
Write a guide for migrating {module} in {service} from version {old} to the next.
Guide users of {module} in {service} from version {old} to the version after it.

Write the decision record on why {module} in {service} {uses:uses|does not use} a queue.
Write a decision record on why {module} in {service} {uses} a queue.
Record the decision that {module} of {service} {uses} a queue, with the reasons.

Write the frequently asked questions about {module} in {service}, {count:5|7|9|11} of them, {tone:formal|friendly}.
Write {count} frequently asked questions about {module} in {service}, {tone} in tone.
Answer {count} questions that users of {module} in {service} often ask, in a {tone} tone.
`
