"""Represent requests, responses, routes and errors.

Belongs here: request context, responses, error table, parameters, the Route record.
Never here: who may send a request (`security`), what a route does (`routes`).
May be imported by: every other package of `server`.
"""
