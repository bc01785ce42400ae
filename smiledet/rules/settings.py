"""What a rule says."""

from __future__ import annotations

from dataclasses import dataclass, field

from smiledet.schema import between


@dataclass(frozen=True, slots=True)
class RuleSettings:
    """A rule, `[[rule]]`: a condition, and at least one action.

    Attributes:
        when: `face`, `no-face`, `smile`, `everyone-smiles`, or `TASK=LABEL`: some face is read so.
        hold: Seconds for which the condition must hold before the rule acts.
        cooldown: Seconds after which it may act again at the earliest. In any case the condition must have ceased.
        source: Name of the source that is watched, in a run of several; all of them, each for itself, where none is
            given.
        zone: Left, top, width and height of the part of the frame whose faces count, as shares from 0 to 1; all of it
            where none is given. A face counts where its middle lies.
        save: Folder for a photograph.
        clip: Folder for a clip of what happened before and after.
        before: Seconds of it before the rule acts.
        after: Seconds of it after that.
        annotated: Whether boxes and labels are drawn on photograph and clip.
        run: A program and its arguments, started without a shell. What was seen stands as JSON on its standard input.
        post: Address to which the same is sent (HTTP POST).
        publish: Topic of a broker to which the same is published, `mqtt[s]://[USER:PASSWORD@]HOST[:PORT]/TOPIC`.
        secret: Name of the environment variable whose value signs what is posted: the header `X-Smiledet-Signature` is
            `sha256=` and the HMAC of the body in hexadecimal.
    """

    when: str
    hold: float = field(default=0.3, metadata=between(0, 3600))
    cooldown: float = field(default=5.0, metadata=between(0, 86_400))
    source: str = ""
    zone: tuple[float, ...] = field(default=(), metadata=between(0, 1))
    save: str = ""
    clip: str = ""
    before: float = field(default=5.0, metadata=between(0, 120))
    after: float = field(default=5.0, metadata=between(0, 120))
    annotated: bool = True
    run: tuple[str, ...] = ()
    post: str = ""
    publish: str = ""
    secret: str = ""
