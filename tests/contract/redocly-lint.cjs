// Runs Redocly's rules (redocly.yaml) over openapi.yaml: the rules alone, without the tool around them and its 180 other packages.
const path = require("node:path");
const { formatProblems, getTotals, lint, loadConfig } = require("@redocly/openapi-core");

async function main() {
  const config = await loadConfig({ configPath: path.join(__dirname, "redocly.yaml") });
  const problems = await lint({ ref: path.resolve(__dirname, "../../openapi.yaml"), config });
  const totals = getTotals(problems);
  if (problems.length) formatProblems(problems, { totals, version: require("@redocly/openapi-core/package.json").version });
  console.log(`redocly: ${totals.errors} errors, ${totals.warnings} warnings`);
  process.exitCode = totals.errors + totals.warnings ? 1 : 0;
}

main();
