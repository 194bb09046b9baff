/** What the query of an exec, attach or port-forward request asks for (PodExecOptions, …). Pure. */
import { StatusError } from "../../../kube/status-error.ts";

export interface CommandQuery {
  readonly container?: string;
  readonly command: readonly string[];
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

/** Upstream has no number; each port is a connection that is open from the start. */
const MAX_PORTS = 64;
const MAX_PORT = 65_535;

/** Throws 400. */
export function commandQuery(query: URLSearchParams): CommandQuery {
  const container = query.get("container") ?? "";
  const options = {
    command: query.getAll("command"),
    stdin: boolean(query, "stdin"),
    stdout: boolean(query, "stdout"),
    stderr: boolean(query, "stderr"),
    tty: boolean(query, "tty"),
    ...(container === "" ? {} : { container }),
  };
  const { stdin, stdout, stderr, tty, command } = options;
  if (!stdin && !stdout && !stderr)
    throw bad("you must specify at least 1 of stdin, stdout, stderr");
  // A terminal has one output.
  if (tty && stderr) throw bad("tty and stderr cannot both be true");
  if (command.some((word) => word.includes("\0"))) throw bad("a command cannot contain NUL");
  return options;
}

/** The ports of the WebSocket dialect with a pair of channels for each. Throws 400. */
export function portsQuery(query: URLSearchParams): number[] {
  // Once for each, or all in one, separated by commas.
  const ports = query.getAll("ports").flatMap((text) => text.split(","));
  if (ports.length === 0) throw bad('query parameter "ports" is required');
  if (ports.length > MAX_PORTS) throw bad(`at most ${MAX_PORTS} ports can be forwarded at once`);
  return ports.map((text) => portNumber(text));
}

/** Throws 400. */
export function portNumber(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > MAX_PORT) throw bad(`${JSON.stringify(text)} is not a port`);
  return port;
}

function boolean(query: URLSearchParams, name: string): boolean {
  const value = query.get(name);
  return value !== null && value !== "" && value !== "0" && value.toLowerCase() !== "false";
}

const bad = (message: string): StatusError => StatusError.of("BadRequest", message);
