"""Incidents: one function per scenario, which stages it once and states the expected result.

Belongs here: mass uploads that a detector must find, and those that it is known to miss. Uploads that only
look like an incident are `sandbox.workload.lookalikes`.

Every function takes the stage, the day on which the scene begins (0 is the workload's first) and the
providers it plays at. Where a user has signs of a compromised account, these lie within the 24 hours
before the end of the burst.
"""

import numpy as np

from sandbox.workload.events import DAY, HOUR, MINUTE, SECOND, Events
from sandbox.workload.people import Person
from sandbox.workload.stage import Entry, Scene, Stage

__all__ = ["PROGRAMME"]

_WINDOW = 3 * HOUR


def bulk_archives(stage: Stage, day: int, providers: tuple[str, ...]) -> Scene:
    """Data packed into 2-12 archives of 1-20 GB together and uploaded at once.

    Found by bytes: files are few, so where the log carries no sizes they have to be recovered.
    """
    (provider,) = providers
    person = stage.pick(providers, before=stage.start + day * DAY)
    events = stage.archives(person, provider, stage.moment(day, person, 7, 23))
    note = "few large archives: only the bytes stand out"
    return Scene(events, (stage.label(bulk_archives, person, events, expected="alert", note=note),))


def many_small_files(stage: Stage, day: int, providers: tuple[str, ...]) -> Scene:
    """A whole folder tree, 1,000-2,500 files, copied within three hours.

    Found by files alone; sizes are not needed.
    """
    (provider,) = providers
    person = stage.pick(providers, before=stage.start + day * DAY)
    count = int(stage.rng.integers(1_000, 2_500))
    events = stage.many(person, provider, stage.moment(day, person, 6, 20), count, stage.rng.uniform(60, 165))
    note = "a folder tree: the number of files stands out, with or without sizes"
    return Scene(events, (stage.label(many_small_files, person, events, expected="alert", note=note),))


def split_over_windows(stage: Stage, day: int, providers: tuple[str, ...]) -> Scene:
    """A burst of 80 minutes laid over the boundary of two fixed three-hour windows.

    Found because windows slide: one of them contains the whole burst.
    """
    (provider,) = providers
    person = stage.pick(providers, before=stage.start + day * DAY)
    boundary = stage.start + day * DAY + int(stage.rng.integers(3, 7)) * _WINDOW
    events = stage.many(person, provider, boundary - 40 * MINUTE, 700, 80, total=3_000_000_000)
    note = "half on each side of a fixed window's edge: sliding windows hold it whole"
    return Scene(events, (stage.label(split_over_windows, person, events, expected="alert", note=note),))


def over_midnight(stage: Stage, day: int, providers: tuple[str, ...]) -> Scene:
    """A burst from 22:45 to 01:15 UTC, half on either day.

    Found because a window may reach into the next daily partition.
    """
    (provider,) = providers
    person = stage.pick(providers, before=stage.start + day * DAY)
    at = stage.start + day * DAY + 22 * HOUR + 45 * MINUTE
    events = stage.many(person, provider, at, 900, 150, total=2_400_000_000)
    note = "half before and half after midnight UTC: two partitions, one burst"
    return Scene(events, (stage.label(over_midnight, person, events, expected="alert", note=note),))


def two_providers(stage: Stage, day: int, providers: tuple[str, ...]) -> Scene:
    """Half of the data goes to one provider and half to another, at the same time.

    Found in the scope of all providers together, where the halves add up.
    """
    person = stage.pick(providers, before=stage.start + day * DAY, personas=("occasional", "regular", "heavy"))
    at = stage.moment(day, person)
    halves = [stage.many(person, p, at, 320, 100, total=900_000_000) for p in providers]
    events = Events.join(halves)
    note = "320 files and 0.9 GB at each of two providers: all providers together tell most"
    return Scene(events, (stage.label(two_providers, person, events, expected="alert", note=note),))


def slow_drip(stage: Stage, day: int, providers: tuple[str, ...]) -> Scene:
    """Thirty files and 60 MB a day for ten days.

    Missed: every window stays below the floors, as does each day.
    """
    (provider,) = providers
    person = stage.pick(providers, before=stage.start + day * DAY)
    daily = [
        stage.many(person, provider, stage.moment(day + n, person, 9, 16), 30, 50, total=60_000_000) for n in range(10)
    ]
    events = Events.join(daily)
    note = "600 MB in ten days, below the floors of every window: a known miss"
    label = stage.label(slow_drip, person, events, expected="miss", note=note)
    # with the user's ordinary uploads on top, a window could pass the floor after all
    begin = stage.start + day * DAY
    return Scene(events, (label,), ((person.email, begin, begin + 10 * DAY),))


def new_client(stage: Stage, day: int, providers: tuple[str, ...]) -> Scene:
    """A command-line copier (rclone) the user never used before uploads 3 GB.

    Found by volume; the client is a sign that weighs little alone.
    """
    (provider,) = providers
    person = stage.pick(providers, before=stage.start + day * DAY)
    at = stage.moment(day, person, 18, 23)
    events = stage.many(person, provider, at, 450, 70, app="rclone", total=3_000_000_000)
    note = "client seen for the first time: one weak sign"
    return Scene(events, (stage.label(new_client, person, events, expected="alert", note=note),))


def new_country(stage: Stage, day: int, providers: tuple[str, ...]) -> Scene:
    """A sign-in from a country the user was never in, then archives from there.

    Found by volume. Only Dropbox and Google log the country; the others log only the address.
    """
    (provider,) = providers
    person = stage.pick(providers, before=stage.start + day * DAY)
    network = stage.stranger()
    at = stage.moment(day, person, 0, 6)
    uploads = stage.archives(person, provider, at, network=network)
    events = Events.join([stage.sign(person, provider, "sign_in", at - 9 * MINUTE, network), uploads])
    note = "network and country seen for the first time, nothing else"
    return Scene(events, (stage.label(new_country, person, events, expected="alert", note=note),))


def dormant_returns(stage: Stage, day: int, providers: tuple[str, ...]) -> Scene:
    """An account that was dormant for at least 20 days signs in from abroad and uploads in bulk.

    Suspicious: dormant and from an unknown network, two weak signs.
    """
    (provider,) = providers
    silent_days = int(stage.rng.integers(20, min(26, day - 2)))
    begin = stage.start + (day - silent_days) * DAY
    person = stage.pick(providers, before=begin)
    network = stage.stranger()
    at = stage.moment(day, person, 8, 22)
    uploads = stage.archives(person, provider, at, network=network)
    events = Events.join([stage.sign(person, provider, "sign_in", at - 12 * MINUTE, network), uploads])
    note = f"silent for {silent_days} days, then back from an unknown network"
    label = stage.label(dormant_returns, person, events, expected="suspicious", note=note)
    return Scene(events, (label,), ((person.email, begin, int(uploads.time.max()) + DAY),))


def guessed_password(stage: Stage, day: int, providers: tuple[str, ...]) -> Scene:
    """A dozen failed sign-ins from an unknown network, one that succeeds, then a bulk upload.

    Suspicious: failures followed by success.
    """
    (provider,) = providers
    person = stage.pick(providers, before=stage.start + day * DAY)
    network = stage.stranger()
    at = stage.moment(day, person, 8, 22)
    tries = [at - 90 * MINUTE + n * 40 * SECOND for n in range(12)]
    events = Events.join(
        [
            stage.sign(person, provider, "sign_in_failed", tries, network),
            stage.sign(person, provider, "sign_in", tries[-1] + 55 * SECOND, network),
            stage.archives(person, provider, at, network=network),
        ]
    )
    note = "12 failed sign-ins and a successful one from an unknown network, 80 minutes before"
    return Scene(events, (stage.label(guessed_password, person, events, expected="suspicious", note=note),))


def mfa_switched_off(stage: Stage, day: int, providers: tuple[str, ...]) -> Scene:
    """Multi-factor authentication of the account is switched off, hours later comes a bulk upload.

    Suspicious: the change lies within 24 hours.
    """
    (provider,) = providers
    person = stage.pick(providers, before=stage.start + day * DAY)
    network = stage.stranger()
    at = stage.moment(day, person, 8, 22)
    events = Events.join(
        [
            stage.sign(person, provider, "sign_in", at - 5 * HOUR, network),
            stage.sign(person, provider, "mfa_disabled", at - 5 * HOUR + 4 * MINUTE, network),
            stage.many(person, provider, at, 1_100, 120, network=network, total=5_000_000_000),
        ]
    )
    note = "multi-factor authentication switched off five hours before"
    return Scene(events, (stage.label(mfa_switched_off, person, events, expected="suspicious", note=note),))


def provider_warned(stage: Stage, day: int, providers: tuple[str, ...]) -> Scene:
    """The provider itself raised an alert on the account; the same day it uploads in bulk.

    Suspicious: the provider's alert lies within 24 hours.
    """
    (provider,) = providers
    person = stage.pick(providers, before=stage.start + day * DAY)
    network = stage.stranger()
    at = stage.moment(day, person, 8, 22)
    events = Events.join(
        [
            stage.sign(person, provider, "sign_in", at - 8 * HOUR, network),
            stage.sign(person, provider, "provider_alert", at - 7 * HOUR, network),
            stage.archives(person, provider, at, network=network),
        ]
    )
    note = "an alert of the provider on this account seven hours before"
    return Scene(events, (stage.label(provider_warned, person, events, expected="suspicious", note=note),))


def new_joiner(stage: Stage, day: int, providers: tuple[str, ...]) -> Scene:
    """Somebody in the first week of employment uploads 1,400 files and 6 GB.

    Found without a baseline of the user: the organisation's is used instead.
    """
    (provider,) = providers
    person = stage.pick(providers, before=stage.end, personas=("regular", "heavy"))
    joined = stage.start + (day - 4) * DAY
    uploads = stage.many(person, provider, stage.moment(day, person), 1_400, 130, total=6_000_000_000)
    events = Events.join([stage.sign(person, provider, "sign_in", joined + 8 * HOUR), uploads])
    note = "account four days old: hardly a baseline"
    label = stage.label(new_joiner, person, events, expected="alert", note=note)
    return Scene(events, (label,), ((person.email, stage.start, joined),))


def leaver(stage: Stage, day: int, providers: tuple[str, ...]) -> Scene:
    """A leaver downloads a lot on the last day, gathers it in an own folder and shares that.

    Found by volume; the share to the outside is a further sign.
    """
    (provider,) = providers
    person = stage.pick(providers, before=stage.start + day * DAY, personas=("regular",))
    at = stage.moment(day, person, 15, 17)
    uploads = stage.many(person, provider, at, 800, 110, folder=f"/{person.name}/Handover", total=7_000_000_000)
    fetched = stage.many(person, provider, at - 6 * HOUR, 400, 300)
    downloads = fetched.having(kind=np.full(len(fetched), "download", dtype=object))
    last = int(uploads.time.max())
    share = uploads.take([-1]).having(kind=np.array(["share_external"], dtype=object))
    share = share.having(time=share.time + 3 * MINUTE)
    events = Events.join([downloads, uploads, share])
    note = "400 downloads before and an external share after, then the account falls silent"
    label = stage.label(leaver, person, events, expected="alert", note=note)
    return Scene(events, (label,), ((person.email, last + HOUR, stage.end),))


def personal_surge(stage: Stage, day: int, providers: tuple[str, ...]) -> Scene:
    """A moderately active user uploads five times their own maximum of three hours.

    A hard case: unusual for the user, not large for the organisation.
    """
    (provider,) = providers
    begin = stage.start + day * DAY

    def moderate(person: Person) -> bool:
        files, size = _largest_window(stage.uploads_of(person, provider, begin))
        return 12 <= files <= 80 and 25_000_000 <= size <= 200_000_000

    person = stage.pick(providers, before=begin, personas=("regular", "occasional", "heavy"), fits=moderate)
    files, size = _largest_window(stage.uploads_of(person, provider, begin))
    events = stage.many(person, provider, stage.moment(day, person), 5 * files, 100, total=5 * size)
    note = f"five times the own maximum of {files} files and {size // 1_000_000} MB: a hard case"
    return Scene(events, (stage.label(personal_surge, person, events, expected="alert", note=note),))


def before_activation(stage: Stage, day: int, providers: tuple[str, ...]) -> Scene:
    """A bulk upload before the source has 14 days of history.

    Quiet: no alert is raised before activation, however large the upload.
    """
    (provider,) = providers
    person = stage.pick(providers, before=stage.start + day * DAY)
    events = stage.archives(person, provider, stage.moment(day, person))
    note = "before the source's activation: no alert by rule"
    return Scene(events, (stage.label(before_activation, person, events, expected="quiet", note=note),))


def again_within_a_day(stage: Stage, day: int, providers: tuple[str, ...]) -> Scene:
    """The same user uploads in bulk twice, six hours apart.

    One alert: the second detection folds into the first and is counted.
    """
    (provider,) = providers
    person = stage.pick(providers, before=stage.start + day * DAY)
    at = stage.moment(day, person, 8, 12)
    events = Events.join([stage.archives(person, provider, then) for then in (at, at + 6 * HOUR)])
    note = "two bursts six hours apart: one alert, one suppressed"
    return Scene(events, (stage.label(again_within_a_day, person, events, expected="alert", note=note),))


def again_after_a_day(stage: Stage, day: int, providers: tuple[str, ...]) -> Scene:
    """The same user uploads in bulk twice, 30 hours apart.

    Two alerts: the second lies beyond the day in which detections fold.
    """
    (provider,) = providers
    person = stage.pick(providers, before=stage.start + day * DAY)
    at = stage.moment(day, person, 8, 12)
    bursts = [stage.archives(person, provider, then) for then in (at, at + 30 * HOUR)]
    notes = ("first of two bursts 30 hours apart", "second of two bursts 30 hours apart: an alert of its own")
    labels = tuple(
        stage.label(again_after_a_day, person, burst, expected="alert", note=note)
        for burst, note in zip(bursts, notes, strict=True)
    )
    return Scene(Events.join(bursts), labels)


def _largest_window(uploads: Events) -> tuple[int, int]:
    """Return the most files and the most bytes in any three hours (uploads sorted by time)."""
    if len(uploads) == 0:
        return 0, 0
    sums = np.concatenate([[0], np.cumsum(uploads.bytes)])
    end = np.searchsorted(uploads.time, uploads.time + _WINDOW)
    begin = np.arange(len(uploads))
    return int((end - begin).max()), int((sums[end] - sums[begin]).max())


PROGRAMME = (
    *(Entry(bulk_archives, (p,)) for p in ("box", "dropbox", "google_workspace", "office365")),
    *(Entry(many_small_files, (p,)) for p in ("box", "dropbox", "google_workspace", "office365")),
    Entry(split_over_windows, ("office365",)),
    Entry(over_midnight, ("google_workspace",)),
    Entry(two_providers, ("dropbox", "google_workspace")),
    Entry(slow_drip, ("box",), span=11),
    Entry(new_client, ("box",)),
    Entry(new_country, ("google_workspace",)),
    Entry(dormant_returns, ("dropbox",), earliest=30),
    Entry(guessed_password, ("office365",)),
    Entry(mfa_switched_off, ("google_workspace",)),
    Entry(provider_warned, ("box",)),
    Entry(new_joiner, ("office365",), earliest=22),
    Entry(leaver, ("dropbox",)),
    Entry(personal_surge, ("office365",), earliest=24),
    Entry(again_within_a_day, ("dropbox",)),
    Entry(again_after_a_day, ("office365",), span=3),
    Entry(before_activation, ("box",), earliest=7, latest=11),
)
"""Every incident of a workload. Days before 16 are avoided: sources are activated after 14 days.

With 300 people this is about 1.6 incidents per 1000 people and day: below a budget of 2, so that a detector that
keeps to its budget can find them all.
"""
