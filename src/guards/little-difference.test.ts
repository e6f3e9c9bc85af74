import { describe, expect, it } from 'vitest'
import { openGuards } from './open.ts'

/** Each line two texts of which the answer of one is wrong for the other, however little they differ. */
const different = `
  How are amounts rounded half up to 2 digits? | How are amounts rounded half even to 2 digits?
  Design how cart in orders rounds amounts: half up to 2 digits. | Design the rounding of amounts by cart in orders: half even to 2 digits.
  In orders, cart amounts are rounded half up to 2 digits; design where this happens. | In orders, cart amounts are rounded half even to 2 digits; design where this happens.
  Round the total up to the next cent. | Round the total down to the next cent.
  List all odd numbers below ten. | List all even numbers below ten.
  How do I scale up the cluster? | How do I scale down the cluster?
  How do I sign up for the newsletter? | How do I sign out of the newsletter?
  How do I sign in to the portal? | How do I sign up to the portal?
  How do I turn on dark mode? | How do I turn off dark mode?
  How do I turn on the light on the porch? | How do I turn off the light on the porch?
  Scroll up in the log window. | Scroll out in the log window.
  How do I import rows into the table? | How do I import rows from the table?
  Convert the amounts to euros. | Convert the amounts from euros.
  What is the train from Vienna to Graz? | What is the train to Vienna from Graz?
  Copy the files into the container. | Copy the files off the container.
  Deliver the report before Friday. | Deliver the report after Friday.
  Is the shop open until noon? | Is the shop open after noon?
  Is the shop open until noon? | Is the shop open from noon?
  Which laws have changed since 2010? | Which laws have changed until 2010?
  Which laws have changed since 2010? | Which laws have changed before 2010?
  Which films were made in 1990? | Which films were made before 1990?
  Can I cancel within 14 days? | Can I cancel after 14 days?
  Can I cancel during the trial? | Can I cancel after the trial?
  Is parking free during the concert? | Is parking free until the concert?
  Pay the invoice by Monday. | Pay the invoice after Monday.
  Should I add salt before boiling the pasta? | Should I add salt after boiling the pasta?
  Do I season the steak before or after frying? | Do I season the steak during frying?
  Bake the cake on the rack above the pan. | Bake the cake on the rack below the pan.
  Which accounts hold over 500 euros? | Which accounts hold under 500 euros?
  Which accounts hold more than 500 euros? | Which accounts hold less than 500 euros?
  Which accounts hold more than 500 euros? | Which accounts hold 500 euros?
  Write at least 5 tests. | Write at most 5 tests.
  Write up to 5 tests. | Write at least 5 tests.
  Events are delivered at least once. | Events are delivered exactly once.
  Design the events that are published by cart, delivered at most once. | Cart publishes events exactly once; design the events.
  Try the call 3 times. | Try the call at least 3 times.
  Can I pay with 2 or more cards? | Can I pay with 2 or fewer cards?
  Is the key kept inside the container? | Is the key kept outside the container?
  Who may park within the zone? | Who may park outside the zone?
  Can guests read the calendar? | Can only guests read the calendar?
  Delete rows that are only in staging. | Delete rows that are also in staging.
  Summarise only the first chapter. | Summarise even the first chapter.
  Ship the order without gift wrap. | Ship the order with gift wrap.
  Who voted for the proposal? | Who voted against the proposal?
  Must both conditions hold? | Must either condition hold?
  Does the rule match any of the tags? | Does the rule match all of the tags?
  Do all plans include support? | Do some plans include support?
  Why do many users leave? | Why do few users leave?
  Is there too much sugar in it? | Is there too little sugar in it?
  What costs the most energy? | What costs the least energy?
  Who shares the same address? | Who shares another address?
  Show the other invoices of the customer. | Show the same invoices of the customer.
  What happens this week? | What happens next week?
  What happened last week? | What happens next week?
  Show the first order of the customer. | Show the last order of the customer.
  Show the next payment of the customer. | Show the previous payment of the customer.
  Find rows where the name and the city match. | Find rows where the name or the city match.
  Retry if the call fails. | Retry unless the call fails.
  Wait while the job is running. | Wait until the job is running.
  Must clients send a token? | May clients send a token?
  Can users reset the password? | Must users reset the password?
  Is the water too hot for the tea? | Is the water hot enough for the tea?
  What does it cost per user? | What does it cost for all users?
  Charge the card before the refund. | Charge the card without the refund.
  Is the bridge across the river? | Is the bridge to the river?
  Write tests of the timeouts with a fake clock. | With a real clock, write tests of the timeouts.
  Write the notice for version 3, to end in 3 months. | Write the notice for version 3, to end in 18 months.
  On GitHub, write the pipeline that builds the invoices service at each push. | Write the pipeline that builds the invoices service on GitHub at each tag.
  Design the search over the order history of the shop. | Design the search over the back order of the shop.
  Design the order history of the orders service. | Design the order history of the invoices service.
  Is the last day inclusive? | Is the last day exclusive?
  Wake me at 5 am. | Wake me at 5 pm.
  Was gilt bis Montag? | Was gilt ab Montag?
`

/** Each line two texts that ask for the same. */
const same = `
  What is the capital of France? | What's the capital of France?
  What are the best cafes in Vienna? | What are the best cafes of Vienna?
  How do I reset my password? | How can I reset my password?
  How do I reset my password? | How to reset my password?
  How do you reset a password? | How can one reset their password?
  How do I earn money on YouTube? | How can I earn money from YouTube?
  How do I earn money on YouTube? | How can I earn money through YouTube?
  How do I earn money on YouTube? | How can I earn money with YouTube?
  What is the way to learn Go? | What is a good way of learning Go?
  How do I prepare for the exam? | How should I prepare for the exam?
  What should I do to lose weight? | What can I do for losing weight?
  Where do I find the invoices? | Where can I find the invoices?
  How do I find out my balance? | How do I find my balance?
  How do I open up an account? | How do I open an account?
  How do I speed up my laptop? | How can I speed my laptop up?
  Turn off the light. | Turn the light off.
  How do I turn the heating off? | How can I turn off the heating?
  Keep each function below 20 lines. | Keep every function under 20 lines.
  Keep each function under 20 lines. | Keep each function below 20 lines.
  Which accounts hold over 500 euros? | Which accounts hold more than 500 euros?
  Which accounts hold less than 500 euros? | Which accounts hold under 500 euros?
  Write at most 5 tests. | Write up to 5 tests.
  Write 5 tests at most. | Write at most 5 tests.
  Write tests, at least 5. | Write at least 5 tests.
  Can I pay with 2 or more cards? | Can I pay with at least 2 cards?
  What does it cost per month? | What does it cost each month?
  How many calls per second? | How many calls a second?
  Is it open till noon? | Is it open until noon?
  Which laws changed in 2010? | Which laws changed during 2010?
  What is the difference between a list and a tuple? | What's the difference of a list and a tuple?
  Is it possible to cook rice in milk? | Can you cook rice in milk?
  How long do I boil an egg? | How long should I boil an egg?
  How long do I boil an egg? | How long must I boil eggs?
  How do I know if I am ill? | How do I know whether I am ill?
  What do I do when the call fails? | What do I do if the call fails?
  How do I upload an app on the store? | How do I upload an app to the store?
  How do I move to Canada? | How can we move into Canada?
  Only guests may read. | Guests may read only.
  Show just the totals. | Show only the totals.
  Why is my dog so lazy? | Why is my dog very lazy?
  Are there any other sites like eBay? | What are some other sites like eBay?
  What are some sites like eBay? | What are sites like eBay?
  How do I learn all about wine? | How do I learn about wine?
  Do all plans include support? | Does every plan include support?
  How do I delete my own question? | How do I delete my question?
  Please write a test for the parser. | Write a test of the parser.
  How do I get rid of ants in the kitchen? | How can I get rid of the ants in my kitchen?
  Can I return shoes that I have worn? | Can I return shoes I have worn?
  Is there a bus from Graz to Vienna? | Is there a bus to Vienna from Graz?
  What time does the shop open on Monday? | At what time does the shop open on Mondays?
  How do I fix a leaking tap? | What's the best way to fix a leaking tap?
  Is it safe to travel to Kenya? | Is it safe to travel in Kenya?
  How is work at Siemens? | How is it to work for Siemens?
  How do I import CSV into a table? | How do I import CSV to a table?
  In Go, write tests for the cart of orders. | Write tests in Go for the cart of orders.
  Write the events which are sent by the cart. | Write the events that are sent by the cart.
  Review the code and name 3 findings. | Review the code. Name 3 findings.
  In 5 points, summarise the reviews. | Summarise the reviews in 5 points.
  How does tax work for freelancers? | How do taxes work for a freelancer?
  Why did the build fail on the server? | Why has the build failed on the server?
  What's the dose for 1 tablet? | What is the dose for one tablet?
  How can I improve my English? | How do I improve upon my English?
  Wie kann ich mein Passwort ändern? | Wie ändere ich mein Passwort?
`

const guards = openGuards('standard')

describe('a little difference', () => {
  it.each(pairs(different))('tells %s | %s', (a, b) => {
    expect([guards(a, b)?.by, guards(b, a)?.by]).toEqual([expect.any(String), expect.any(String)])
  })

  it.each(pairs(same))('does not tell %s | %s', (a, b) => {
    expect([guards(a, b), guards(b, a)]).toEqual([undefined, undefined])
  })

  it('is told whichever of the two was asked, and of no text and itself', () => {
    const texts = [...pairs(different), ...pairs(same)].flat()
    for (const text of texts) expect(guards(text, `${text} `)).toBeUndefined()
    for (const a of texts) for (const b of texts) expect(guards(a, b)?.by).toBe(guards(b, a)?.by)
  })
})

function pairs(lines: string): readonly (readonly [string, string])[] {
  return lines
    .trim()
    .split('\n')
    .map((line) => {
      const [a = '', b = ''] = line.trim().split(' | ')
      return [a, b] as const
    })
}
