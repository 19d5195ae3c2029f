"""The delivery semantics: what is promised, and by whom. Where this text and the code disagree, the code is wrong.

**Record.** ``record(entries)`` writes, in one transaction, the folder's cursor, a row for each mail handled, and every delivery that the mails
caused. Before it the mail will be seen again; after it the deliveries survive any crash. A delivery's id is UNIQUE: recording a
mail a second time adds nothing.

**States of a delivery.**

    held ──────▶ pending ──▶ delivered          acknowledged by the far end
      │             ├──────▶ dead               permanent failure, or retried for `retry_for`: kept with its reason, retried by hand
      │             └──────▶ expired            a stale "open the door" is not an hour late: dropped and reported
      └──▶ dropped                              by hand, or a reset whose main was never sent, or one that a newer firing restarted

``held`` is what waits for something else: a reset for the acknowledgement of what it resets, a mail's changes for all of its deliveries.

**Order** is kept per lane (folder, sink, target): a lane's second delivery waits while its first is being retried; other lanes go on. A
delayed delivery takes its place in its lane when it is due, and blocks nobody before.

**Resets.** A reset is recorded ``held`` beside its main. The acknowledgement of the main makes it pending, due ``reset_after`` later, and drops the
earlier resets of the same rule, sink and target that are still waiting (a firing restarts them). It never expires. A main that ends
dead, expired or dropped takes its reset with it, and leaves an earlier one alone.

**Mail changes** are deliveries to the sink ``@<mailbox>``: one row a change, ``held`` until all of the mail's deliveries (resets apart) have
ended. Then each rule's ``after`` counts if all its deliveries were acknowledged, its ``failed`` if one is dead or expired; flags go
first, then copies, then the first rule's move or delete; the rest of its moves and deletes falls away. A mail without deliveries gets its changes at once.

**Settle.** ``settle(outcomes)`` writes what became of deliveries, and all that follows from it, in one transaction. What was
sent and not settled is sent again after a crash, with the same id.

**One at a time.** All writes go through one task that commits as many as wait (group commit). A SQLite state belongs to one bridge: a second one
that opens it gets ``errors.StoreInUse``.
"""
