"""Names in Python programs."""

from __future__ import annotations

from clbench.tiny.world.words.forms import table, words

# One and many of a thing.
NOUNS = table("""
    user | users \n item | items \n price | prices \n node | nodes \n line | lines \n path | paths \n word | words
    row | rows
    task | tasks \n event | events \n order | orders \n page | pages \n score | scores \n token | tokens
    image | images
    key | keys \n field | fields \n record | records \n job | jobs \n point | points \n edge | edges \n tag | tags
    group | groups \n player | players \n message | messages \n ticket | tickets \n song | songs \n layer | layers
    city | cities \n entry | entries \n query | queries \n box | boxes \n match | matches \n child | children
""")
ATTRIBUTES = words("""
    name id size title color owner status weight height email kind label date level index author version url width speed
    parent data mode state code cost text rank
""")
VERBS = words(
    "get load make read find build parse fetch check update create collect select filter count sort merge scan"
)
CLASSES = words(
    "Base Model Client Server Parser Reader Writer Manager Handler Loader Worker Cache Store Graph Index View"
)
REDUCERS = words("sum max min len sorted list set tuple")
MODULES = words("os sys re time json math copy random logging socket struct string types urllib threading subprocess")
PAIRS = table("""
    acquire | release \n open | close \n start | stop \n connect | disconnect \n begin | commit \n push | pop
    lock | unlock
    enter | leave \n show | hide \n enable | disable \n attach | detach \n setUp | tearDown
""")
