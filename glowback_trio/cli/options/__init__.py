"""Options that several commands share: flags, environment variables and checks.

Belongs here: turning flags into values: a request, a catalogue, settings, strategies, a client.
Never here: commands, printing.
May be imported by: `cli.commands`.
"""
