/** Archives written block by block, so that they can be wrong in every way. */
import { gzipSync } from "node:zlib";

export interface TarMember {
  readonly name: string;
  readonly content?: string | Buffer;
  readonly type?: string;
  readonly linkName?: string;
  readonly mode?: number;
  /** Claims another size than the content has. */
  readonly sizeBytes?: number;
  readonly prefix?: string;
}

export function tar(members: readonly TarMember[]): Buffer {
  return Buffer.concat([...members.map(member), Buffer.alloc(1024)]);
}

export function tarGz(members: readonly TarMember[]): Buffer {
  return gzipSync(tar(members));
}

/** An archive of text files. */
export function tarOf(files: Readonly<Record<string, string>>): Buffer {
  return tarGz(Object.entries(files).map(([name, content]) => ({ name, content })));
}

/** The content of an extended header. */
export function pax(records: Readonly<Record<string, string>>): string {
  return Object.entries(records)
    .map(([key, value]) => {
      const rest = ` ${key}=${value}\n`;
      let length = Buffer.byteLength(rest);
      while (String(length).length + Buffer.byteLength(rest) !== length)
        length = String(length).length + Buffer.byteLength(rest);
      return `${length}${rest}`;
    })
    .join("");
}

function member({
  name,
  content = "",
  type = "0",
  linkName = "",
  mode = 0o644,
  prefix = "",
  ...rest
}: TarMember): Buffer {
  const bytes = Buffer.from(content);
  const header = Buffer.alloc(512);
  header.write(name, 0, 100);
  header.write(octal(mode, 7), 100);
  header.write(octal(rest.sizeBytes ?? bytes.length, 11), 124);
  header.write(octal(0, 11), 136);
  header.write(" ".repeat(8), 148);
  header.write(type, 156);
  header.write(linkName, 157, 100);
  header.write("ustar\u000000", 257, "latin1");
  header.write(prefix, 345, 155);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${octal(sum, 6)}\0 `, 148, "latin1");
  const padding = Buffer.alloc((512 - (bytes.length % 512)) % 512);
  return Buffer.concat([header, bytes, padding]);
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, "0");
}
