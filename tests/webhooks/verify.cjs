// Verifies messages as a receiver would who took the library of standardwebhooks.com and knows nothing of us. One message a
// line on the standard input: {secret, headers, body}; one line for each on the standard output: its type, or what is wrong.
const { createInterface } = require("node:readline");
const { Webhook } = require("standardwebhooks");

createInterface({ input: process.stdin }).on("line", (line) => {
  const { secret, headers, body } = JSON.parse(line);
  try {
    console.log(`fine ${new Webhook(secret).verify(body, headers).type}`);
  } catch (error) {
    console.log(`${error.name}: ${error.message}`);
  }
});
