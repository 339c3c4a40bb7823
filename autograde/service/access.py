"""Who asks: a token in the Authorization header for the API, a session cookie for the pages."""

from __future__ import annotations

import hmac
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from autograde.service.limits import WRONG_TOKENS_PER_MINUTE
from autograde.service.refused import Refused
from autograde.service.service import Service
from autograde.service.sessions import COOKIE, Session
from autograde.service.tokens import Person

bearer = HTTPBearer(auto_error=False, description="The token that your instructor gave you.")


def the_service(request: Request) -> Service:
    return request.app.state.service


Here = Annotated[Service, Depends(the_service)]
Header = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]


def by_token(service: Service, token: str, request: Request) -> Person:
    """Whose token it is. Raises Refused: 401, or 429 for an address that tries many."""
    person = service.tokens.find(token)
    if person is None:
        address = request.client.host if request.client else ""
        sentence = "Too many wrong tokens from this address."
        service.limits.check("wrong token", address, WRONG_TOKENS_PER_MINUTE, sentence)
        raise Refused(401, "This token is not valid here. Ask your instructor for a new one.")
    often(service, person)
    return person


def often(service: Service, person: Person) -> None:
    """Raises Refused when someone asks too often."""
    most = service.settings.requests_per_minute
    sentence = f"That is more than {most} requests a minute."
    service.limits.check("request", str(person.token), most, sentence)


def person_of_token(request: Request, service: Here, header: Header) -> Person:
    if header is None:
        raise Refused(401, "This needs a token: send the header Authorization: Bearer TOKEN.")
    return by_token(service, header.credentials, request)


TokenHolder = Annotated[Person, Depends(person_of_token)]


def must_learn(person: TokenHolder) -> Person:
    if person.instructor:
        raise Refused(403, "This is a learner's; your token is an instructor's.")
    return person


def must_teach(person: TokenHolder) -> Person:
    if not person.instructor:
        raise Refused(403, "This is for instructors.")
    return person


ApiLearner = Annotated[Person, Depends(must_learn)]
ApiInstructor = Annotated[Person, Depends(must_teach)]


class LogInFirst(Exception):
    """A page for people who are logged in, asked for by someone who is not."""


def the_session(request: Request, service: Here) -> Session:
    session = service.sessions.find(request.cookies.get(COOKIE, ""))
    if session is None:
        raise LogInFirst
    often(service, session.person)
    return session


LoggedIn = Annotated[Session, Depends(the_session)]


def learner_session(session: LoggedIn) -> Session:
    if session.person.instructor:
        raise Refused(403, "This page is a learner's.")
    return session


def instructor_session(session: LoggedIn) -> Session:
    if not session.person.instructor:
        raise Refused(403, "This page is for instructors.")
    return session


Learner = Annotated[Session, Depends(learner_session)]
Instructor = Annotated[Session, Depends(instructor_session)]


def check_form(expected: str, sent: object) -> None:
    """Raises Refused for a form that another site made the browser send."""
    right = isinstance(sent, str) and hmac.compare_digest(expected.encode(), sent.encode())
    if not expected or not right:
        raise Refused(
            403, "This form is too old, or not from here. Go back, reload, and try again."
        )
