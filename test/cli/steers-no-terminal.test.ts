/** Names, subjects, values and logs that would move a cursor, set a title or turn the direction. */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CliContext } from "../../src/cli/context.ts";
import { printRendered } from "../../src/cli/print-rendered.ts";
import { printableJson } from "../../src/kube/printable-text.ts";
import { configMaps } from "../../src/kube/kinds/configmap.ts";
import { gantry } from "./command-line.ts";
import { type ServerFixture, startServerFixture } from "./server-fixture.ts";

const ESCAPE = "\u001b[2J";
/** A terminal reads `\u009b` as the beginning of a command, too. */
const HOSTILE = `${ESCAPE}\u009b31m\u202e\u2066\u007f`;
const STEERS = /[^\P{Cc}\n\t]|[\p{Bidi_Control}\u2028\u2029]/u;

let fixture: ServerFixture;
let flags: string[];
beforeAll(async () => {
  fixture = await startServerFixture({ "a.yaml": configMap("value") });
  flags = ["--data-dir", fixture.dataDir];
  await fixture.application(({ status }) => status?.sync?.status === "Synced");
});
afterAll(() => fixture.stop());

function configMap(value: string): string {
  return `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  key: ${quoted(value)}\n`;
}
/** In escapes: YAML refuses most control characters as they are. */
const quoted = (text: string): string => printableJson(JSON.stringify(text));

function commitAs(author: string, subject: string, files: Readonly<Record<string, string>>): void {
  for (const [name, content] of Object.entries(files))
    writeFileSync(join(fixture.repository, name), content);
  const git = (...args: string[]): unknown =>
    execFileSync(
      "git",
      ["-c", `user.name=${author}`, "-c", "user.email=e@gantry.invalid", ...args],
      {
        cwd: fixture.repository,
      },
    );
  git("add", "-A");
  git("commit", "-q", "-m", subject);
}

/** What a command shows, in all its forms; fails where anything in it would steer a terminal. */
async function shown(...args: string[]): Promise<string> {
  const { stdout, stderr } = await gantry(...args, ...flags);
  expect({ args, steers: STEERS.exec(stdout + stderr)?.[0] }).toEqual({ args, steers: undefined });
  return stdout + stderr;
}

describe("every command shows as text what is meant to be more", () => {
  test("authors, subjects and values of a repository", async () => {
    commitAs(`Eve${HOSTILE}Adams`, `${HOSTILE}better`, { "a.yaml": configMap(`${HOSTILE}x`) });
    await fixture.application(
      ({ status }) => status?.history?.at(-1)?.author?.startsWith("Eve") === true,
    );
    expect(await shown("history")).toMatch(/Eve\ufffd\[2J.*Adams/);
    expect(await shown("history", "-o", "json")).toContain("Eve\\u001b[2J\\u009b31m\\u202e");
    expect(await shown("why")).toContain("better");
    expect(await shown("blame", "cm/a")).toMatch(/Eve\ufffd/);
    await shown("blame", "cm/a", "-o", "json");
    await shown("status", "default");
    await shown("status", "-o", "json");
  });

  test("what somebody wrote into an object", async () => {
    await shown("suspend");
    const key = { namespace: "default", name: "a" };
    const body = { data: { key: `${HOSTILE}by hand\n\`\`\`\n![x](https://evil.example/x)` } };
    await fixture.server.client.patch(configMaps, key, { type: "merge", body });
    const drift = await shown("drift");
    expect(drift).toContain("by hand");
    for (const output of ["text", "json", "markdown", "junit"])
      await shown("drift", "--output", output);
    for (const output of ["text", "json", "markdown"])
      await shown("diff", "default", "--output", output);
    // Three marks would end the block, and what follows would be a picture from elsewhere.
    const markdown = await shown("drift", "--output", "markdown");
    expect(markdown.match(/```/g)).toHaveLength(2);
    await shown("resume");
  });

  test("what is wrong with a file, and its name", async () => {
    const name = `b${HOSTILE}\n---\n.yaml`;
    const broken = `apiVersion: v1\nkind: ${quoted(`Config${HOSTILE}Map`)}\nmetadata: {name: ${quoted(`b${HOSTILE}`)}}\n`;
    commitAs("t", "broken", { [name]: broken });
    await fixture.application(({ status }) => (status?.conditions ?? []).length > 0);
    for (const args of [["status"], ["status", "default"], ["why"], ["why", "-o", "json"]])
      await shown(...args);
    await shown("sync", "--wait");
    await shown("rollback", "--dry-run");
    const { stdout } = await gantry("validate", fixture.repository);
    expect(stdout).toMatch(/b\ufffd/);
    for (const output of ["text", "json", "junit", "tap", "sarif", "github"]) {
      const report = await gantry("validate", fixture.repository, "--output", output);
      expect(STEERS.exec(report.stdout)?.[0], output).toBeUndefined();
    }
    execFileSync("git", ["rm", "-q", "--", name], { cwd: fixture.repository });
    commitAs("t", "mended", {});
    await fixture.application(({ status }) => (status?.conditions ?? []).length === 0);
  });

  test("the last words of a program", async () => {
    const command = `printf "\\\\033[2Jlast words\\\\033]0;title\\\\007\\\\n"; exit 3`;
    const container = `{name: app, image: local, command: [/bin/sh, -c, ${quoted(command)}]}`;
    const pod = `apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: ends}\nspec:\n  selector: {matchLabels: {app: ends}}\n  template:\n    metadata: {labels: {app: ends}}\n    spec:\n      containers: [${container}]\n`;
    commitAs("t", "a pod", { "pod.yaml": pod });
    await fixture.application(({ status }) => status?.health?.status === "Degraded");
    expect(await shown("why")).toMatch(/\ufffd\[2Jlast words/);
    await shown("status", "default");
  });
});

test("a file's name is no object of its own when it is rendered", async () => {
  const folder = join(fixture.dataDir, "..", "named");
  mkdirSync(folder);
  writeFileSync(join(folder, "a\n---\nkind: Injected\n#.yaml"), configMap("\u009b2J"));
  const { stdout } = await gantry("render", folder);
  expect(stdout).not.toMatch(/^kind: Injected/m);
  expect(stdout).toMatch(/^kind: ConfigMap/m);
  // What is piped keeps every character, what is looked at does not.
  expect(stdout).toContain("\u009b2J");
  let terminal = "";
  const write = (text: string): void => void (terminal += text);
  const context = { process: { stdout: { isTTY: true, write } } } as unknown as CliContext;
  await printRendered.call(context, { output: "yaml", namespace: "default" }, folder);
  expect(terminal).toContain("\ufffd2J");
  expect(terminal).not.toMatch(STEERS);
});
