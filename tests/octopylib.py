"""Programs as people wrote them for octopy, and what each prints: most of them in Python 2.

Each is of our own making, in the shapes that such programs have.
"""

PROGRAMS = {}


def _program(name, code, printed):
    PROGRAMS[name] = (code, printed)


_program(
    "word count",
    """
texts = ["the tyger the lamb", "the rose", "a rose"]
source = dict(enumerate(texts))

def final(key, value):
    print key, value

def mapfn(key, value):
    for word in value.split():
        yield word, 1

def reducefn(key, values):
    return sum(values)
""",
    "a 1\nlamb 1\nrose 2\nthe 3\ntyger 1\n",
)

_program(
    "triangular numbers",
    """
source = dict(zip(range(6), range(6)))
final = lambda key, value: sys.stdout.write("%d: %d\\n" % (key, value))
import sys
def mapfn(key, value):
    for n in xrange(value + 1):
        yield key, n
def reducefn(key, values):
    return reduce(lambda a, b: a + b, values)
""",
    "0: 0\n1: 1\n2: 3\n3: 6\n4: 10\n5: 15\n",
)

_program(
    "inverted index",
    """
import sys
source = {"one.txt": "to be", "two.txt": "not to be", "three.txt": "or"}

def mapfn(name, text):
    seen = {}
    for word in text.split():
        if not seen.has_key(word):
            seen[word] = True
            yield word, name

def reducefn(word, names):
    names.sort()
    return names

def final(word, names):
    print >>sys.stdout, "%-4s" % word, ", ".join(names)
""",
    "be   one.txt, two.txt\nnot  two.txt\nor   three.txt\nto   one.txt, two.txt\n",
)

_program(
    "primes",
    """
LIMIT = 30
source = range(2, LIMIT)
primes = []

def mapfn(key, n):
    for multiple in xrange(n, LIMIT, n):
        yield multiple, n

def reducefn(n, divisors):
    return len(divisors) == 1

def final(n, prime):
    if prime:
        print n,
    if n == LIMIT - 1:
        print
""",
    "2 3 5 7 11 13 17 19 23 29 \n",
)

_program(
    "grep",
    r"""
import re
lines = ["def spam():", "    return 1", "", "def eggs(x):"]
source = dict([(n + 1, line) for n, line in enumerate(lines)])
PATTERN = re.compile(ur'def\s+(\w+)')

def mapfn(n, line):
    found = PATTERN.search(line)
    if found and line <> "":
        yield found.group(1), (n, line)

def reducefn(name, places):
    return `name`, places

def final(name, value):
    shown, places = value
    for n, line in places:
        print "%s %s:%d:%s" % (type(value).__name__, shown, n, line)
""",
    "tuple 'eggs':4:def eggs(x):\ntuple 'spam':1:def spam():\n",
)

_program(
    "a list",
    """
source = ["b", "a", "b"]
def mapfn(key, value):
    yield value, key
def reducefn(key, values):
    return values
def final(key, value):
    print key, type(value).__name__, value
""",
    "a list [1]\nb list [0, 2]\n",
)

_program(
    "a class",
    """
class Lines:
    "Walks over its keys, and is indexed by them."
    def __init__(self, text):
        self.lines = text.split("|")
        self.at = 0
    def __iter__(self):
        self.at = 0
        return self
    def next(self):
        self.at += 1
        if self.at > len(self.lines):
            raise StopIteration, "no more"
        return "line %d" % self.at
    def __getitem__(self, name):
        return self.lines[int(name.split()[1]) - 1]

source = Lines("x y|y|z")
def mapfn((key), value):
    for word in value.split():
        yield word, key
def reducefn(key, values):
    return len(values)
def final(key, value):
    print "%s=%s" % (key, value),
    if key == "z": print
""",
    "x=1 y=2 z=1 \n",
)

_program(
    "a class that counts from nought",
    """
class Squares:
    def __getitem__(self, n):
        if n >= 4:
            raise IndexError, n
        return n * n
source = Squares()
def mapfn(key, value):
    yield "sum", value
def reducefn(key, values):
    return long(sum(values))
def final(key, value):
    print key, value
""",
    "sum 14\n",
)

_program(
    "a class with keys",
    """
class Table:
    def keys(self): return ["p", "q"]
    def __getitem__(self, key): return ord(key)
source = Table()
def mapfn(key, value): return [[unichr(value), key]]
def reducefn(key, values): return values[0]
def final(key, value): print key + value
""",
    "pp\nqq\n",
)

_program(
    "tuples for keys",
    """
A, B = [[1, 2], [3, 4]], [[5, 6], [7, 8]]
source = {}
for i in range(2):
    for j in range(2):
        source["A", i, j] = A[i][j]
        source["B", i, j] = B[i][j]

def mapfn((which, i, j), value):
    for k in range(2):
        if which == "A":
            yield (i, k), ("A", j, value)
        else:
            yield (k, j), ("B", i, value)

def reducefn(key, values):
    a, b = {}, {}
    for which, n, value in values:
        (a if which == "A" else b)[n] = value
    return sum([a[n] * b[n] for n in a.iterkeys()])

def final((i, j), value):
    print (i, j), value
""",
    "(0, 0) 19\n(0, 1) 22\n(1, 0) 43\n(1, 1) 50\n",
)

_program(
    "much that is gone",
    r"""
import sys, StringIO
from itertools import izip, imap

mode = 0777
source = dict(izip(u'ab', imap(int, ("1", "2"))))
exec "base = 10" in globals()
base += 0L

def by_number(a, b):
    return cmp(a[1], b[1])

def checked(value):
    if not isinstance(value, (int, long)):
        raise TypeError, "no number: %r" % value
    if value > sys.maxint or value < -sys.maxint:
        raise ValueError, "too large"
    return value

def mapfn(key, value):
    try:
        checked(key)
    except TypeError, e:
        yield unicode(e), base + value
    for name, n in {key: value}.iteritems():
        if isinstance(name, basestring):
            yield "all", (name, n)

def reducefn(key, values):
    if key == "all":
        values.sort(by_number)
        values.reverse()
        return map(lambda (name, n): name * n, values)
    return apply(max, (values,))

def final(key, value):
    out = StringIO.StringIO()
    print >>out, "%s:" % key,
    print >>out, value
    sys.stdout.write(out.getvalue())
    if key == "":
        raw_input()
""",
    "all: ['bb', 'a']\nno number: 'a': 11\nno number: 'b': 12\n",
)

_program(
    "tabs among blanks",
    "source = ['x']\n"
    "def mapfn(key, value):\n"
    "        if value:\n"
    "\t\tyield '''a\n\tb''', value\n"
    "\treturn\n"
    "def reducefn(key, values):\n"
    "    for value in values:\n"
    "\treturn value\n"
    "def final(key, value):\n"
    "\tprint repr(key), value\n",
    "'a\\n\\tb' x\n",
)

_program(
    "one that Python 3 compiles, and cannot run",
    """
source = dict((n, n % 2) for n in xrange(5))
def mapfn(key, value):
    d = {value: key}
    for k, v in d.iteritems():
        yield k, v
def reducefn(key, values):
    return values
def final(key, value):
    print("%s %s" % (key, value))
""",
    "0 [0, 2, 4]\n1 [1, 3]\n",
)

_program(
    "one that prints by a function",
    """
from __future__ import print_function
import sys
source = {0: u"z"}
def mapfn(key, value):
    yield value, 0777
def reducefn(key, values):
    return values[0]
def final(key, value):
    print(key, value, sep="=", file=sys.stdout)
""",
    "z=511\n",
)

_program(
    "one in Python 3",
    """
source = {"a": 1, "b": 2}
def mapfn(key: str, value: int):
    yield key, value / 2
def reducefn(key, values):
    [value] = values
    return None if value < 1 else value
def final(key, value):
    print(f"{key}={value!r}")
""",
    "a=None\nb=1.0\n",
)

_program(
    "one without final",
    """
source = ["b", "a"]
def mapfn(key, value):
    yield value, (key, None)
def reducefn(key, values):
    return values
""",
    "a\t[[1, null]]\nb\t[[0, null]]\n",
)
