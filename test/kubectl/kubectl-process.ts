/** Runs kubectl with nothing of the caller's environment but the PATH. */
import { type ChildProcess, execFile, spawn } from "node:child_process";

/** A command that takes longer than this hangs. */
const TIMEOUT_MS = 30_000;
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

export interface Environment {
  readonly binary: string;
  readonly home: string;
  readonly kubeconfig: string;
}
export interface RunOptions {
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
}
export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const variablesOf = (environment: Environment, more: RunOptions["env"] = {}) => ({
  PATH: process.env["PATH"] ?? "",
  HOME: environment.home,
  KUBECONFIG: environment.kubeconfig,
  ...more,
});

/** What kubectl answered, whatever the exit code. Rejects when it does not end. */
export function runKubectl(
  environment: Environment,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      environment.binary,
      args,
      {
        env: variablesOf(environment, options.env),
        cwd: environment.home,
        timeout: TIMEOUT_MS,
        maxBuffer: MAX_OUTPUT_BYTES,
      },
      (error, stdout, stderr) => {
        const code = child.exitCode;
        if (code === null)
          reject(
            new Error(`kubectl ${args.join(" ")} did not end: ${stdout}${stderr}`, {
              cause: error,
            }),
          );
        else resolve({ code, stdout, stderr });
      },
    );
    // Who ends without having read is free to.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(options.stdin ?? "");
  });
}

/** A kubectl that goes on until it is stopped: `--watch`, `--follow`. */
export interface StartOptions {
  /** What is typed goes to it, see {@link RunningKubectl.type}. @default no input */
  readonly input?: boolean;
  /** In a terminal of its own, with input. @default none */
  readonly terminal?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}
const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

export class RunningKubectl {
  readonly #child: ChildProcess;
  /** The exit code; null when it was stopped. */
  readonly ended: Promise<number | null>;
  #output = "";
  #onOutput: () => void = () => undefined;

  constructor(environment: Environment, args: readonly string[], options: StartOptions = {}) {
    const { terminal = false, input = terminal } = options;
    const line = [environment.binary, ...args].map(quoted).join(" ");
    const [program, words] = terminal
      ? ["script", ["-qef", "-c", `stty rows 33 cols 101; exec ${line}`, "/dev/null"]]
      : [environment.binary, args];
    this.#child = spawn(program, words, {
      env: variablesOf(environment, options.env),
      cwd: environment.home,
      stdio: [input ? "pipe" : "ignore", "pipe", "pipe"],
    });
    this.#child.stdin?.on("error", () => undefined);
    const collect = (piece: Buffer): void => {
      this.#output += piece.toString();
      this.#onOutput();
    };
    this.#child.stdout?.on("data", collect);
    this.#child.stderr?.on("data", collect);
    this.ended = new Promise((resolve) => this.#child.once("close", (code) => resolve(code)));
  }

  get output(): string {
    return this.#output;
  }

  type(text: string): void {
    this.#child.stdin?.write(text);
  }
  endInput(): void {
    this.#child.stdin?.end();
  }
  /** The client vanishes without a word. */
  kill(): void {
    this.#child.kill("SIGKILL");
  }

  /** Resolves when the output so far matches. */
  until(pattern: RegExp): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`no ${String(pattern)} in:\n${this.#output}`)),
        TIMEOUT_MS,
      );
      this.#onOutput = () => {
        if (!pattern.test(this.#output)) return;
        clearTimeout(timer);
        this.#onOutput = () => undefined;
        resolve();
      };
      this.#onOutput();
    });
  }

  async stop(): Promise<void> {
    this.#child.kill("SIGINT");
    await this.ended;
  }
}
