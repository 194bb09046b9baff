/** What a program said when it failed, as findings: short, without secrets, with paths of the repository. */
import { isObject } from "../../kube/json-object.ts";
import type { Finding, Place } from "../check/finding.ts";
import type { FoundProgram } from "./programs/find-program.ts";
import {
  MAX_MEMORY_BYTES,
  MAX_OUTPUT_BYTES,
  MAX_RUN_MS,
  type SandboxResult,
} from "./programs/sandbox.ts";
import { MIN_SECRET_CHARACTERS, secretTexts } from "./secret-texts.ts";
import type { LoadedFiles } from "./visible-files.ts";
import { decodeText } from "./yaml/decode-text.ts";
import { parseYaml } from "./yaml/parse-yaml.ts";

/** Of one message; programs repeat themselves with every level of inclusion. */
const MAX_MESSAGE_CHARACTERS = 1_500;
/** What is read of it at all; the rest is not even looked through for secrets. */
const MAX_READ_CHARACTERS = 64 * 1024;
/** Of a longer value, as Go's YAML library shows it. */
const QUOTED_CHARACTERS = 7;

export const OVER_LIMITS = "render/limits";

/** Which limit ended it, as a finding. */
export function limitFinding(
  { stoppedBy }: SandboxResult,
  { name }: FoundProgram,
  file: string,
): Finding | undefined {
  if (stoppedBy === undefined) return undefined;
  const megabytes = (bytes: number): string => `${bytes / 1024 / 1024} MiB`;
  const why = {
    time: `did not end within ${MAX_RUN_MS / 1000} s`,
    output: `made more than ${megabytes(MAX_OUTPUT_BYTES)}`,
    memory: `needed more than ${megabytes(MAX_MEMORY_BYTES)} of memory`,
  }[stoppedBy];
  return {
    severity: "error",
    rule: OVER_LIMITS,
    message: `${name} ${why} and was ended`,
    file,
    line: 1,
    column: 1,
    suggestion: "Look for a loop that never ends or a value that repeats itself",
  };
}

export function programFinding(
  { exitCode, stderr }: SandboxResult,
  { name, tool }: FoundProgram,
  place: Place,
  loaded: LoadedFiles,
): Finding {
  const said = clip(redact(tidy(stderr.slice(0, MAX_READ_CHARACTERS)), loaded));
  const status = exitCode === undefined ? "was ended" : `failed with exit status ${exitCode}`;
  return {
    severity: "error",
    rule: `render/${tool}`,
    message: said === "" ? `${name} ${status} without saying why` : said,
    ...place,
  };
}

/** How newer kubectl words its last error: with a time, which would make it another one each time. */
const KLOG = /^[EF]\d{4} [\d:.]+ +\d+ [\w.-]+:\d+\] "command failed" err="(.*)"$/gm;

/** Without our own folder names, colours and what says nothing. */
function tidy(stderr: string): string {
  return stderr
    .replace(KLOG, (_line, text: string) => text.replaceAll('\\"', '"'))
    .replace(/^\s*(?:Use --debug flag.*|W\d{4} .*|level=.*|# Warning: .*)$/gm, "")
    .replace(/(^|[\s'"(])(?:\.\.\/)*tree\//g, "$1")
    .replace(/\/repository\b\/?/g, "")
    .replace(/^\s*(?:Error|error|Error: INSTALLATION FAILED): /, "")
    .replace(/\s*\n\s*/g, "\n")
    .trim();
}

function clip(text: string): string {
  return text.length <= MAX_MESSAGE_CHARACTERS ? text : `${text.slice(0, MAX_MESSAGE_CHARACTERS)}…`;
}

/** Programs quote what they stumble over; what is secret must not come out that way. */
function redact(text: string, { files, decrypted }: LoadedFiles): string {
  if (text === "") return text;
  const written = secretTexts({ files });
  if (written === undefined) return "it stumbles over a file with secrets";
  const secrets = new Set(written);
  for (const bytes of decrypted) {
    const decoded = decodeText(bytes);
    if (!("text" in decoded)) return "it stumbles over an encrypted file";
    for (const line of decoded.text.split("\n")) add(line.replace(/^[^=:]*[=:]\s*/, ""));
    for (const { value } of parseYaml(decoded.text).documents) collect(value);
  }
  function add(value: string): void {
    const trimmed = value.trim();
    if (trimmed.length >= MIN_SECRET_CHARACTERS) secrets.add(trimmed);
  }
  function collect(value: unknown): void {
    if (typeof value === "string") {
      add(value);
      for (const line of value.split("\n")) add(line);
    } else if (typeof value === "number") add(String(value));
    else if (Array.isArray(value)) value.forEach(collect);
    else if (isObject(value)) Object.values(value).forEach(collect);
  }
  let safe = text;
  for (const secret of [...secrets].sort((a, b) => b.length - a.length)) {
    safe = safe.replaceAll(secret, "***");
    // Some programs cut what they quote.
    if (secret.length > QUOTED_CHARACTERS)
      safe = safe.replaceAll(`${secret.slice(0, QUOTED_CHARACTERS)}...`, "***");
  }
  return safe;
}
