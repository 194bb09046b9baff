/** What a client asks for in a push: commands, capabilities, options (gitprotocol-pack). */
import { isSafeRefName } from "../../gitops/source/ref-name.ts";
import { OBJECT_ID } from "../../gitops/source/git-objects.ts";
import { type PktReader, ProtocolError } from "./pkt-line.ts";

export const NO_OBJECT = "0".repeat(40);
/** Branches and tags in one push: a mirror of a large repository has fewer; each costs a check. */
const MAX_COMMANDS = 1_000;
/** What is listened to before the answer says that it is too much: a hundred thousand branches. */
const MAX_COMMANDS_BYTES = 16 * 1024 * 1024;
/** There are two options; others may be meant for another server. */
const MAX_OPTIONS_BYTES = 16 * 1024;
const MAX_REF_SHOWN = 200;

export interface RefCommand {
  readonly ref: string;
  /** {@link NO_OBJECT}: it is new. */
  readonly before: string;
  /** {@link NO_OBJECT}: it is to go. */
  readonly after: string;
  /** Why it cannot be carried out, whatever it brings. */
  readonly problem?: string;
}
export interface ReceiveRequest {
  readonly commands: readonly RefCommand[];
  readonly capabilities: ReadonlySet<string>;
  readonly options: readonly string[];
  /** Why nothing of it can be carried out. */
  readonly problem?: string;
}

/**
 * Undefined for an empty request: clients send one to see whether they are let in.
 * @throws ProtocolError
 */
export async function readReceiveRequest(lines: PktReader): Promise<ReceiveRequest | undefined> {
  const commands = new Map<string, RefCommand>();
  let capabilities: ReadonlySet<string> | undefined;
  let problem: string | undefined;
  let bytes = 0;
  for (;;) {
    const line = await lines.line();
    if (line === "flush") break;
    if (line === "end") {
      if (capabilities === undefined) return undefined;
      throw new ProtocolError("the request ends before its commands do");
    }
    bytes += line.length;
    if (bytes > MAX_COMMANDS_BYTES) throw new ProtocolError("the request names too much");
    const text = line.toString("utf8").replace(/\n$/, "");
    // What a shallow clone lacks shows when its objects are looked at.
    if (text.startsWith("shallow ")) continue;
    const nul = text.indexOf("\0");
    capabilities ??= new Set(nul < 0 ? [] : text.slice(nul + 1).split(" "));
    const command = parseCommand(nul < 0 ? text : text.slice(0, nul));
    if (commands.has(command.ref)) problem = "a branch or tag is named twice in one push";
    if (commands.size < MAX_COMMANDS) commands.set(command.ref, command);
    else problem = `more than ${MAX_COMMANDS} branches and tags in one push`;
  }
  if (capabilities === undefined) return undefined;
  const given = capabilities.has("push-options") ? await readOptions(lines) : { options: [] };
  return {
    commands: [...commands.values()],
    capabilities,
    ...(problem === undefined ? {} : { problem }),
    ...given,
  };
}

function parseCommand(text: string): RefCommand {
  const match = /^([0-9a-f]{40}) ([0-9a-f]{40}) ([^\n]+)$/.exec(text);
  const [, before = "", after = "", ref = ""] = match ?? [];
  if (!OBJECT_ID.test(before) || !OBJECT_ID.test(after))
    throw new ProtocolError("the request has something that is no command");
  const problem = refProblem(ref);
  return { ref, before, after, ...(problem === undefined ? {} : { problem }) };
}

function refProblem(ref: string): string | undefined {
  if (!isSafeRefName(ref) || !/^refs\/[^/]+\/./.test(ref))
    return `${JSON.stringify(ref.slice(0, MAX_REF_SHOWN))} is no name for a branch or tag`;
  return undefined;
}

async function readOptions(lines: PktReader): Promise<Pick<ReceiveRequest, "options" | "problem">> {
  const options: string[] = [];
  let bytes = 0;
  for (;;) {
    const line = await lines.line();
    if (line === "flush") break;
    if (line === "end") throw new ProtocolError("the request ends before its options do");
    bytes += line.length;
    if (bytes > MAX_COMMANDS_BYTES) throw new ProtocolError("the request has too many options");
    if (bytes <= MAX_OPTIONS_BYTES) options.push(line.toString("utf8").replace(/\n$/, ""));
  }
  return bytes <= MAX_OPTIONS_BYTES
    ? { options }
    : { options: [], problem: "too many push options" };
}
