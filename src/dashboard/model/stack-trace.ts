/** Recognises the lines that stack traces consist of, so that they can fold. */

const framePatterns: readonly RegExp[] = [
  /^\s+at\s+\S/, // Java, JavaScript, .NET
  /^\s+File ".*", line \d+/, // Python
  /^\s*\.\.\. \d+ (?:more|common frames)/, // Java
  /^\s*#\d+\s+(?:0x[0-9a-f]+\b|\S+\()/i, // gdb, PHP
  /^\s*\d+:\s+0x[0-9a-f]+ - /i, // Rust
  /^\s*\[Callstack\]/i, // Unreal
  /^\s*0x[0-9a-f]{8,16}\s+\S+/i, // Unreal, Windows
];

/** Returns whether `message` is one frame of a stack trace that came line by line. */
export function isStackFrame(message: string): boolean {
  const first = message.charCodeAt(0);
  // Frames begin with white space, a dot, a digit, `#` or `[`; most messages are told apart here.
  if (first > 57 && first !== 91) return false;
  const line = message.length > 300 ? message.slice(0, 300) : message;
  return framePatterns.some((pattern) => pattern.test(line));
}
