"""The demo: everything that Mailwire talks to, played on this machine, around the same code as ``mailwire run``.

Nothing here is used by the bridge itself; all of it listens on loopback, on ports that are free, and is gone when it
ends.

    imap.py       a mail server (pymap) and the way a mail arrives in it
    broker.py     an MQTT broker (amqtt; it speaks 3.1.1, so the bridge falls back from 5)
    device.py     a CoAP lamp (aiocoap)
    display.py    a text display that subscribes at the broker (paho)
    listen.py     a TCP listener that takes its connections with it when it closes
    mails/        the sample mails; samples.py makes each a new mail whenever it is sent
    mailwire.yaml the configuration, an ordinary one but for its ports
    story.py      what has become of each mail: pure, fed by the bridge's events and by the devices
    table.py      that, for people; screen.py shows it, live or as lines
    stage.py      all of it together
"""
