// Records what @cloud-copilot/iam-simulate decides, for tests/property/test_policy_oracles.py.
//
//   npm install @cloud-copilot/iam-simulate@0.1.173
//   python -c "from tests.property.test_policy_oracles import lines; print(lines())" > cases.jsonl
//   node iam_simulate.mjs cases.jsonl > tests/property/iam_simulate.txt
import { readFileSync } from "node:fs";
import { runSimulation } from "@cloud-copilot/iam-simulate";

const LETTERS = { Allowed: "A", ExplicitlyDenied: "D", ImplicitlyDenied: "N" };
const ALICE = "arn:aws:iam::111122223333:user/alice";
let found = "";
for (const line of readFileSync(process.argv[2], "utf8").trim().split("\n")) {
  const [identity, resourcePolicy, action, resource, context] = JSON.parse(line);
  const result = await runSimulation(
    {
      identityPolicies: identity.map((policy, number) => ({ name: `policy${number}`, policy })),
      serviceControlPolicies: [],
      resourceControlPolicies: [],
      ...(resourcePolicy ? { resourcePolicy } : {}),
      request: {
        principal: ALICE,
        action,
        resource: { resource, accountId: (resource === "*" ? ALICE : resource).split(":")[4] },
        contextVariables: context,
      },
    },
    {},
  );
  if (!(result.overallResult in LETTERS)) throw new Error(JSON.stringify(result));
  found += LETTERS[result.overallResult];
}
console.log(found.match(/.{1,100}/g).join("\n"));
