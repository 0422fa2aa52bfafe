import type { IncomingMessage } from 'node:http';
import {
  BadRequestException,
  Body,
  Controller,
  Get,
  HttpCode,
  Inject,
  Injectable,
  Post,
  Req,
  Res,
  UnauthorizedException,
  UseGuards,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { createSessions, type User } from './sessions.js';

/** The sessions, which routes and wires share. */
@Injectable()
export class Login {
  readonly #sessions = createSessions();
  readonly begin = this.#sessions.begin;
  readonly userOf: (request: Pick<IncomingMessage, 'headers'>) => User | undefined = this.#sessions.userOf;
}

/** Admits users who are logged in. */
@Injectable()
export class LoginGuard implements CanActivate {
  // `@Inject` needs no metadata of the compiler: esbuild and tsx do not emit it.
  constructor(@Inject(Login) private readonly login: Login) {}

  canActivate(context: ExecutionContext): boolean {
    if (this.login.userOf(context.switchToHttp().getRequest<IncomingMessage>())) return true;
    throw new UnauthorizedException();
  }
}

interface CookieResponse {
  setHeader(name: string, value: string): void;
}

/** Ordinary routes, which do not know wires. */
@Controller()
export class AccountController {
  constructor(@Inject(Login) private readonly login: Login) {}

  @Post('login')
  @HttpCode(204)
  logIn(@Body() body: { readonly name?: unknown } | undefined, @Res({ passthrough: true }) response: CookieResponse): void {
    const name = body?.name;
    if (typeof name !== 'string' || name === '') throw new BadRequestException();
    response.setHeader('Set-Cookie', this.login.begin(name));
  }

  @Get('me')
  @UseGuards(LoginGuard)
  me(@Req() request: IncomingMessage): { readonly name: string | undefined } {
    return { name: this.login.userOf(request)?.name };
  }
}
