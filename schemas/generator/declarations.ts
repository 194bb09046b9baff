/**
 * Reads the small, regular part of TypeScript in which `kubernetes-types` and our overlay write
 * API types: interfaces of documented members, and type aliases. Anything else is an error, so
 * that a change of the package's style cannot pass unnoticed.
 */
export type TypeNode =
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "literal"; readonly value: string }
  | { readonly kind: "array"; readonly items: TypeNode }
  | { readonly kind: "map"; readonly values: TypeNode }
  | { readonly kind: "union"; readonly members: readonly TypeNode[] };

export interface Member {
  readonly name: string;
  readonly optional: boolean;
  readonly type: TypeNode;
  readonly description: string;
}
export type Declaration =
  | {
      readonly kind: "interface";
      readonly name: string;
      readonly description: string;
      readonly members: readonly Member[];
    }
  | {
      readonly kind: "alias";
      readonly name: string;
      readonly description: string;
      readonly type: TypeNode;
    };

export interface DeclarationFile {
  /** Local name → module specifier, as imported. */
  readonly imports: ReadonlyMap<string, string>;
  readonly declarations: readonly Declaration[];
}

interface Token {
  readonly kind: "doc" | "word" | "string" | "punctuation" | "end";
  readonly text: string;
  readonly line: number;
}

const TOKEN =
  /\/\*\*([\s\S]*?)\*\/|\/\/[^\n]*|\/\*[\s\S]*?\*\/|([A-Za-z_$][\w$]*)|"([^"\n]*)"|([{}[\]<>():;,|?=*])|\s+/gy;

function tokenize(source: string, file: string): Token[] {
  const tokens: Token[] = [];
  let line = 1;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < source.length) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(source);
    if (match === null)
      throw new Error(`${file}:${line}: unexpected ${JSON.stringify(source.slice(at, at + 20))}`);
    const [all, doc, word, text, punctuation] = match;
    if (doc !== undefined) tokens.push({ kind: "doc", text: describe(doc), line });
    else if (word !== undefined) tokens.push({ kind: "word", text: word, line });
    else if (text !== undefined) tokens.push({ kind: "string", text, line });
    else if (punctuation !== undefined)
      tokens.push({ kind: "punctuation", text: punctuation, line });
    line += all.split("\n").length - 1;
  }
  tokens.push({ kind: "end", text: "end of file", line });
  return tokens;
}

/** The text of a doc comment, without its frame. */
function describe(comment: string): string {
  return comment
    .split("\n")
    .map((line) => line.replace(/^\s*\* ?/, "").trimEnd())
    .join("\n")
    .trim();
}

/** @throws Error with file:line when the source leaves the subset described above. */
export function parseDeclarations(source: string, file: string): DeclarationFile {
  const tokens = tokenize(source, file);
  let at = 0;
  const peek = (): Token => tokens[at] ?? { kind: "end", text: "end of file", line: 0 };
  const fail = (wanted: string): never => {
    throw new Error(
      `${file}:${peek().line}: expected ${wanted}, found ${JSON.stringify(peek().text)}`,
    );
  };
  const accept = (kind: Token["kind"], text?: string): string | undefined => {
    const token = peek();
    if (token.kind !== kind || (text !== undefined && token.text !== text)) return undefined;
    at += 1;
    return token.text;
  };
  const expect = (kind: Token["kind"], text?: string): string =>
    accept(kind, text) ?? fail(text ?? kind);

  function parseImport(imports: Map<string, string>): void {
    accept("word", "type");
    expect("punctuation", "{");
    const names: string[] = [];
    while (accept("punctuation", "}") === undefined) {
      names.push(expect("word"));
      accept("punctuation", ",");
    }
    expect("word", "from");
    const specifier = expect("string");
    accept("punctuation", ";");
    for (const name of names) imports.set(name, specifier);
  }

  function parseType(): TypeNode {
    accept("punctuation", "|");
    const members = [parseOperand()];
    while (accept("punctuation", "|") !== undefined) members.push(parseOperand());
    const [only] = members;
    return members.length === 1 && only !== undefined ? only : { kind: "union", members };
  }
  function parseOperand(): TypeNode {
    let type = parsePrimary();
    while (accept("punctuation", "[") !== undefined) {
      expect("punctuation", "]");
      type = { kind: "array", items: type };
    }
    return type;
  }
  function parsePrimary(): TypeNode {
    const literal = accept("string");
    if (literal !== undefined) return { kind: "literal", value: literal };
    if (accept("punctuation", "{") !== undefined) {
      expect("punctuation", "[");
      expect("word");
      expect("punctuation", ":");
      expect("word", "string");
      expect("punctuation", "]");
      expect("punctuation", ":");
      const values = parseType();
      accept("punctuation", ";");
      expect("punctuation", "}");
      return { kind: "map", values };
    }
    const name = expect("word");
    if (name !== "Array") return { kind: "name", name };
    expect("punctuation", "<");
    const items = parseType();
    expect("punctuation", ">");
    return { kind: "array", items };
  }
  function parseMember(): Member {
    const description = accept("doc") ?? "";
    accept("word", "readonly");
    const name = accept("string") ?? expect("word");
    const optional = accept("punctuation", "?") !== undefined;
    expect("punctuation", ":");
    const type = parseType();
    expect("punctuation", ";");
    return { name, optional, type, description };
  }
  function parseInterface(description: string): Declaration {
    const name = expect("word");
    expect("punctuation", "{");
    const members: Member[] = [];
    while (accept("punctuation", "}") === undefined) members.push(parseMember());
    return { kind: "interface", name, description, members };
  }
  function parseAlias(description: string): Declaration {
    const name = expect("word");
    expect("punctuation", "=");
    const type = parseType();
    expect("punctuation", ";");
    return { kind: "alias", name, description, type };
  }

  const imports = new Map<string, string>();
  const declarations: Declaration[] = [];
  while (peek().kind !== "end") {
    let description = "";
    for (let doc = accept("doc"); doc !== undefined; doc = accept("doc")) description = doc;
    if (accept("word", "import") !== undefined) {
      parseImport(imports);
      continue;
    }
    if (accept("word", "export") === undefined) {
      if (peek().kind === "end") break;
      fail("export");
    }
    if (accept("word", "interface") !== undefined) declarations.push(parseInterface(description));
    else if (accept("word", "type") !== undefined) declarations.push(parseAlias(description));
    else fail("interface or type");
  }
  return { imports, declarations };
}
