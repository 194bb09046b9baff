/** The sizes that a client's window takes one after the other, brought to the terminal in order. */
import type { TerminalSize } from "../../../apiserver/node-connection.ts";
import type { Terminals } from "./terminal.ts";

/** One change at a time; of those that come meanwhile only the newest counts. */
export class TerminalSizes {
  readonly #terminals: Terminals;
  readonly #main: Promise<number | undefined>;
  #wanted: TerminalSize | undefined;
  #isBusy = false;

  /** `main`: a process at the terminal, once there is one. */
  constructor(terminals: Terminals, main: Promise<number | undefined>) {
    this.#terminals = terminals;
    this.#main = main;
  }

  set(size: TerminalSize): void {
    this.#wanted = size;
    if (!this.#isBusy) void this.#apply();
  }

  async #apply(): Promise<void> {
    this.#isBusy = true;
    const pid = await this.#main;
    while (this.#wanted !== undefined) {
      const size = this.#wanted;
      this.#wanted = undefined;
      if (pid !== undefined) await this.#terminals.resize(pid, size);
    }
    this.#isBusy = false;
  }
}
