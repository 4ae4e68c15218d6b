"""Statistics on plain arrays. Below all other rooms: it imports nothing of the
package's own."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
