/** exec and attach over a WebSocket: channels 0 to 4 (`v5.channel.k8s.io` and its forerunners). */
import type { CommandClient } from "./serve-command.ts";
import type { CommandQuery } from "./stream-query.ts";
import type { ChannelProtocol, WebSocketChannels } from "./web-socket-channels.ts";

const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
const ERROR = 3;
const RESIZE = 4;
/** From this version on the error channel carries a `Status`; before it, text when something went wrong. */
const STATUS_VERSION = 4;

export function webSocketCommand(
  channels: WebSocketChannels,
  { version }: ChannelProtocol,
  asked: CommandQuery,
): CommandClient {
  const send = (channel: number, data: Buffer): Promise<void> =>
    new Promise((resolve, reject) =>
      channels.send(channel, data, (error) => (error ? reject(error) : resolve())),
    );
  // As upstream: tells clients that wait for something that the connection stands.
  const lowest = asked.stdout ? STDOUT : asked.stderr ? STDERR : ERROR;
  channels.send(lowest, Buffer.alloc(0), () => undefined);
  const client: CommandClient = {
    ...(asked.stdin ? { stdin: channels.readable(STDIN) } : {}),
    ...(asked.stdout ? { stdout: channels.writable(STDOUT) } : {}),
    ...(asked.stderr ? { stderr: channels.writable(STDERR) } : {}),
    ...(asked.tty ? { resize: channels.readable(RESIZE) } : {}),
    gone: channels.gone,
    async finish(status) {
      if (version >= STATUS_VERSION) await send(ERROR, Buffer.from(JSON.stringify(status)));
      else if (status.status === "Failure") await send(ERROR, Buffer.from(status.message ?? ""));
      await channels.close();
    },
  };
  channels.start();
  return client;
}
