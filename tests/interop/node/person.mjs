// What a script is given, and how it asks for a person who does something in a browser.
import { createInterface } from 'node:readline'

export const given = JSON.parse(process.argv[2])

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

export async function ask(what) {
  console.log(JSON.stringify({ ask: what }))
  return (await answers.next()).value
}

export function finish(result) {
  console.log(JSON.stringify(result))
  process.exit(0)
}
