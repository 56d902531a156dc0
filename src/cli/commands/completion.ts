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

interface CommandShape {
  readonly name: string;
  readonly description: string;
  readonly options: readonly OptionShape[];
  readonly takesSession: boolean;
}

interface OptionShape {
  readonly long: string;
  readonly short?: string | undefined;
  readonly description: string;
  readonly choices: readonly string[];
  readonly takesValue: boolean;
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
  return help.visibleCommands(program).map((command) => ({
    name: command.name(),
    description: command.description(),
    options: help
      .visibleOptions(command)
      .filter((option) => option.long !== undefined)
      .map(optionShape),
    takesSession: command.registeredArguments.some((argument) => argument.name() === "session"),
  }));
}

function optionShape(option: Option): OptionShape {
  return {
    long: option.long ?? "",
    short: option.short,
    description: option.description,
    choices: option.argChoices ?? [],
    takesValue: option.required || option.optional,
  };
}

const scripts: Readonly<Record<Shell, (commands: readonly CommandShape[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

function bashScript(commands: readonly CommandShape[]): string {
  const cases = commands.map(({ name, options, takesSession }) => {
    const flags = options.flatMap(({ long, short }) => (short === undefined ? [long] : [long, short])).join(" ");
    const sessions = takesSession ? '"$(tailrace complete-sessions 2>/dev/null | cut -f1)"' : '""';
    return `    ${name}) flags="${flags}"; sessions=${sessions} ;;`;
  });
  const choices = commands.flatMap(({ name, options }) =>
    options
      .filter((option) => option.choices.length > 0)
      .map(
        (option) => `    "${name} ${option.long}") COMPREPLY=($(compgen -W "${option.choices.join(" ")}" -- "$word")); return ;;`,
      ),
  );
  return `# bash completion for tailrace
_tailrace() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" command="\${COMP_WORDS[1]}" flags="" sessions=""
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${commands.map(({ name }) => name).join(" ")}" -- "$word"))
    return
  fi
  case "$command $before" in
${choices.join("\n")}
  esac
  case "$command" in
${cases.join("\n")}
  esac
  if [[ "$word" == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$word"))
  elif [ -n "$sessions" ]; then
    COMPREPLY=($(compgen -W "$sessions" -- "$word"))
  else
    COMPREPLY=($(compgen -f -- "$word"))
  fi
}
complete -F _tailrace tailrace
`;
}

function zshScript(commands: readonly CommandShape[]): string {
  const names = commands.map(({ name, description }) => `    ${quoted(`${name}:${description}`)}`);
  const cases = commands.map(({ name, options, takesSession }) => {
    const specs = options.map((option) => {
      const value = option.takesValue ? `:value:${option.choices.length > 0 ? `(${option.choices.join(" ")})` : "_files"}` : "";
      return quoted(`${option.long}[${option.description.replace(/[[\]:]/g, " ")}]${value}`);
    });
    specs.push(quoted(takesSession ? "*:session:_tailrace_sessions" : "*:file:_files"));
    return `    ${name}) _arguments ${specs.join(" ")} ;;`;
  });
  return `#compdef tailrace
# zsh completion for tailrace
_tailrace_sessions() {
  local -a sessions
  sessions=(\${(f)"$(tailrace complete-sessions 2>/dev/null | tr '\\t' ':')"})
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
  for (const { name, description, options, takesSession } of commands) {
    const used = `__fish_seen_subcommand_from ${name}`;
    lines.push(`complete -c tailrace -n __fish_use_subcommand -a ${name} -d ${quoted(description)}`);
    if (takesSession) lines.push(`complete -c tailrace -n '${used}' -a '(tailrace complete-sessions 2>/dev/null)'`);
    else lines.push(`complete -c tailrace -n '${used}' -F`);
    for (const option of options) {
      const short = option.short === undefined ? "" : ` -s ${option.short.slice(1)}`;
      const value = option.choices.length > 0 ? ` -x -a '${option.choices.join(" ")}'` : option.takesValue ? " -r" : "";
      lines.push(`complete -c tailrace -n '${used}' -l ${option.long.slice(2)}${short}${value} -d ${quoted(option.description)}`);
    }
  }
  return `${lines.join("\n")}\n`;
}

/** One word for a shell, whatever is in it. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
