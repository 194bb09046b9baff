/** A connection that opens is a success. */
import { connect } from "node:net";
import { afterTimeout } from "./after-timeout.ts";
import { failure, type ProbeOutcome, success } from "./outcome.ts";
import type { Target } from "./probe-target.ts";

export function tcpConnect(target: Target, timeoutMs: number): Promise<ProbeOutcome> {
  return new Promise((resolve) => {
    const socket = connect(target);
    const settle = (outcome: ProbeOutcome): void => {
      timer.cancel();
      socket.destroy();
      resolve(outcome);
    };
    const where = `dial tcp ${target.host}:${target.port}`;
    const timer = afterTimeout(timeoutMs, () => settle(failure(`${where}: i/o timeout`)));
    socket.once("connect", () => settle(success));
    socket.once("error", (error) => settle(failure(`${where}: ${error.message}`)));
  });
}
