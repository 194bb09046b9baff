/**
 * `grpc.health.v1.Health/Check` in plain HTTP/2: the request and the answer have one field each,
 * so that the messages are written and read by hand.
 */
import { connect } from "node:http2";
import { afterTimeout } from "./after-timeout.ts";
import { failure, type ProbeOutcome, success } from "./outcome.ts";
import type { Target } from "./probe-target.ts";

const SERVING = 1;
/** The answer is a handful of bytes; whoever sends more is no health service. */
const MAX_ANSWER_BYTES = 64 * 1024;

export function grpcHealth(
  target: Target,
  service: string,
  timeoutMs: number,
): Promise<ProbeOutcome> {
  return new Promise((resolve) => {
    const session = connect(`http://${target.host}:${target.port}`);
    const settle = (outcome: ProbeOutcome): void => {
      timer.cancel();
      session.destroy();
      resolve(outcome);
    };
    const timer = afterTimeout(timeoutMs, () =>
      settle(failure(`timeout: failed to connect service "${target.host}:${target.port}"`)),
    );
    session.once("error", (error) => settle(failure(`error: ${error.message}`)));
    const stream = session.request({
      ":method": "POST",
      ":path": "/grpc.health.v1.Health/Check",
      "content-type": "application/grpc",
      te: "trailers",
    });
    let answer = Buffer.alloc(0);
    let status = "";
    stream.on("response", (headers) => {
      status = String(headers["grpc-status"] ?? "");
    });
    stream.on("trailers", (trailers) => {
      status = String(trailers["grpc-status"] ?? status);
    });
    stream.on("data", (chunk: Buffer) => {
      if (answer.length < MAX_ANSWER_BYTES) answer = Buffer.concat([answer, chunk]);
    });
    stream.once("error", (error) => settle(failure(`error: ${error.message}`)));
    stream.once("close", () => settle(judge(answer, status)));
    stream.end(encodeRequest(service));
  });
}

/** A gRPC frame (not compressed, length) around `HealthCheckRequest{service = 1}`. */
function encodeRequest(service: string): Buffer {
  const name = Buffer.from(service);
  const field = name.length === 0 ? [] : [0x0a, ...varint(name.length), ...name];
  const frame = Buffer.alloc(5 + field.length);
  frame.writeUInt32BE(field.length, 1);
  frame.set(field, 5);
  return frame;
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

/** `HealthCheckResponse{status = 1}`: absent means UNKNOWN. */
function judge(answer: Buffer, grpcStatus: string): ProbeOutcome {
  if (grpcStatus !== "0") return failure(`error: gRPC status ${grpcStatus || "missing"}`);
  const status = answer[5] === 0x08 ? answer[6] : 0;
  return status === SERVING
    ? success
    : failure(`service unhealthy (responded with status ${status})`);
}
