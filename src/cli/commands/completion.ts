/** `tailrace completion`: scripts that let a shell complete commands, options and session ids. */
import { Argument, type Command, type Option } from "commander";
import { TailraceClient } from "../../client/client.ts";
import { addExamples, run, urlDefault } from "../command.ts";
import { programName } from "../format.ts";
import { visibleLine } from "../terminal.ts";

const shells = ["bash", "zsh", "fish"] as const;
type Shell = (typeof shells)[number];

/** A shell waits for this while somebody presses tab. */
const answerMsMax = 1000;
const sessionCountMax = 200;

/** What may stand where a command takes words: ids of sessions, files, one of a few words, or nothing. */
type Words = "sessions" | "files" | readonly string[];

interface CommandShape {
  readonly name: string;
  readonly description: string;
  readonly options: readonly OptionShape[];
  readonly words: Words;
}

interface OptionShape {
  readonly long: string;
  readonly short?: string | undefined;
  readonly description: string;
  /** Absent where it takes no value. */
  readonly value?: Words | undefined;
}

/** Registers `completion` and the hidden command that its scripts ask for session ids. */
export function registerCompletion(program: Command): void {
  const command = addExamples(program.command("completion").description("print a completion script for a shell"), [
    "tailrace completion bash > ~/.local/share/bash-completion/completions/tailrace",
    'tailrace completion zsh > "$fpath[1]/_tailrace"',
    "tailrace completion fish > ~/.config/fish/completions/tailrace.fish",
  ]).addArgument(new Argument("<shell>").choices(shells));
  run<object, [Shell]>(command, ({ out }, shell) => out.write(scripts[shell](shapesOf(program))));
  const hidden = program.command("complete-sessions", { hidden: true }).option("--url <url>");
  run<{ url?: string }, []>(hidden, async ({ out, options }) => {
    const lines = await sessionLines(options.url ?? process.env["TAILRACE_URL"] ?? urlDefault);
    await out.write(lines);
  });
}

/** Lines of id, tab, description; nothing when the server does not answer in time. */
async function sessionLines(url: string): Promise<string> {
  try {
    const client = new TailraceClient({ url, retryForMs: 0 });
    const query = { status: "all", limit: sessionCountMax } as const;
    const { sessions } = await client.listSessions(query, { signal: AbortSignal.timeout(answerMsMax) });
    return sessions.map((session) => `${session.id}\t${session.status} ${visibleLine(programName(session))}\n`).join("");
  } catch {
    return "";
  }
}

function shapesOf(program: Command): CommandShape[] {
  const help = program.createHelp();
  const commands = help.visibleCommands(program);
  const names = commands.map((command) => command.name());
  return commands.map((command) => ({
    name: command.name(),
    description: command.description(),
    options: help
      .visibleOptions(command)
      .filter((option) => option.long !== undefined)
      .map(optionShape),
    words: command.name() === "help" ? names : wordsOf(command),
  }));
}

function wordsOf(command: Command): Words {
  const argument = command.registeredArguments[0];
  if (argument === undefined) return [];
  return argument.name() === "session" ? "sessions" : (argument.argChoices ?? "files");
}

function optionShape(option: Option): OptionShape {
  const { long = "", short, description } = option;
  if (!option.required && !option.optional) return { long, short, description };
  // The name of a value says what it is: <file>, <file.json>.
  const isFile = /[<[]file/.test(option.flags) || long === "--data-dir";
  return { long, short, description, value: option.argChoices ?? (isFile ? "files" : []) };
}

const scripts: Readonly<Record<Shell, (commands: readonly CommandShape[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

const askSessions = "tailrace complete-sessions 2>/dev/null";

function bashScript(commands: readonly CommandShape[]): string {
  const offer = (words: Words) => {
    if (words === "files") return 'COMPREPLY=($(compgen -f -- "$word"))';
    const list = words === "sessions" ? `$(${askSessions} | cut -f1)` : words.join(" ");
    return list === "" ? ":" : `COMPREPLY=($(compgen -W "${list}" -- "$word"))`;
  };
  const spellings = ({ long, short }: OptionShape) => (short === undefined ? [long] : [long, short]);
  const values = commands.flatMap(({ name, options }) =>
    options.flatMap((option) => {
      const patterns = spellings(option).map((flag) => `"${name} ${flag}"`);
      return option.value === undefined ? [] : [`    ${patterns.join(" | ")}) ${offer(option.value)}; return ;;`];
    }),
  );
  const flags = commands.map(({ name, options }) => `    "${name} -"*) ${offer(options.flatMap(spellings))} ;;`);
  const words = commands.map(({ name, words: kind }) => `    "${name} "*) ${offer(kind)} ;;`);
  return `# bash completion for tailrace
_tailrace() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" command="\${COMP_WORDS[1]}"
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    ${offer(commands.map(({ name }) => name))}
    return
  fi
  case "$command $before" in
${values.join("\n")}
  esac
  case "$command $word" in
${flags.join("\n")}
${words.join("\n")}
  esac
}
complete -F _tailrace tailrace
`;
}

function zshScript(commands: readonly CommandShape[]): string {
  const names = commands.map(({ name, description }) => `    ${quoted(`${name}:${description}`)}`);
  const action = (words: Words) => {
    if (words === "files") return "_files";
    return words === "sessions" ? "_tailrace_sessions" : words.length > 0 ? `(${words.join(" ")})` : " ";
  };
  const cases = commands.map(({ name, options, words }) => {
    const specs = options.flatMap(({ long, short, description, value }) => {
      const rest = `[${description.replace(/[[\]:]/g, " ")}]${value === undefined ? "" : `:value:${action(value)}`}`;
      return (short === undefined ? [long] : [long, short]).map((flag) => quoted(flag + rest));
    });
    specs.push(quoted(`*:${words === "sessions" ? "session" : "word"}:${action(words)}`));
    return `    ${name}) _arguments ${specs.join(" ")} ;;`;
  });
  return `#compdef tailrace
# zsh completion for tailrace
_tailrace_sessions() {
  local -a sessions
  sessions=(\${(f)"$(${askSessions} | tr '\\t' ':')"})
  _describe session sessions
}
_tailrace() {
  local -a commands
  commands=(
${names.join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command="$words[2]"
  shift words
  (( CURRENT-- ))
  case "$command" in
${cases.join("\n")}
  esac
}
if [ "$funcstack[1]" = "_tailrace" ]; then _tailrace "$@"; else compdef _tailrace tailrace; fi
`;
}

function fishScript(commands: readonly CommandShape[]): string {
  const lines = ["# fish completion for tailrace", "complete -c tailrace -f"];
  const offer = (words: Words) => {
    if (words === "files") return " -F";
    const list = words === "sessions" ? `(${askSessions})` : words.join(" ");
    return list === "" ? "" : ` -a '${list}'`;
  };
  for (const { name, description, options, words } of commands) {
    const used = `complete -c tailrace -n '__fish_seen_subcommand_from ${name}'`;
    lines.push(`complete -c tailrace -n __fish_use_subcommand -a ${name} -d ${quoted(description)}`);
    if (words.length > 0) lines.push(used + offer(words));
    for (const option of options) {
      const short = option.short === undefined ? "" : ` -s ${option.short.slice(1)}`;
      const value = option.value === undefined ? "" : option.value === "files" ? " -r -F" : ` -x${offer(option.value)}`;
      lines.push(`${used} -l ${option.long.slice(2)}${short}${value} -d ${quoted(option.description)}`);
    }
  }
  return `${lines.join("\n")}\n`;
}

/** One word for a shell, whatever is in it. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
