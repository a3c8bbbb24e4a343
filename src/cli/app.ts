/** @file The commands as one application, whose every failure goes through `failureOf`. */
import { type Application, buildApplication, type RouteMap, text_en } from '@stricli/core';
import type { CliContext } from './context.ts';
import { argumentError, type Failure, failureOf, unknownCommand } from './failure.ts';

/** `onFailure` gets the failure, if there is one, before its message is written to standard error. */
export function buildAntidote(
  commands: RouteMap<CliContext>,
  version: string,
  onFailure: (failure: Failure) => void,
): Application<CliContext> {
  function messageOf(thrown: unknown): string {
    const failure = failureOf(thrown);
    onFailure(failure);
    return failure.message;
  }

  return buildApplication<CliContext>(commands, {
    name: 'antidote',
    versionInfo: { currentVersion: version },
    scanner: { caseStyle: 'allow-kebab-for-camel', allowArgumentEscapeSequence: true },
    documentation: { onlyRequiredInUsageLine: true },
    localization: {
      text: {
        ...text_en,
        noCommandRegisteredForInput: ({ input, corrections }) => messageOf(unknownCommand(input, corrections)),
        exceptionWhileParsingArguments: (thrown) => messageOf(argumentError(thrown)),
        exceptionWhileLoadingCommandFunction: messageOf,
        exceptionWhileLoadingCommandContext: messageOf,
        exceptionWhileRunningCommand: messageOf,
        commandErrorResult: messageOf,
        exceptionWhileRunningIntegrationHook: ({ exception }) => messageOf(exception),
        exceptionWhileRunningIntegrationFlag: ({ exception }) => messageOf(exception),
      },
    },
  });
}
